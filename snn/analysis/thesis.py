"""What the thesis found, read from ``thesis.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from snn.analysis.values import label


@dataclass(frozen=True)
class ThesisResult:
    """What the thesis says of one data set.

    Attributes:
        table: number of its table.
        recommended: ``{key: (value as a label, "+", "-" or "")}``.
        accuracy: of the recommended combination, on training data.
        gain: its accuracy over the grid's mean, in words.
        claims: what it says of the parameters.
        grid: ``{key: values as labels}`` that were combined.
        smallest: ``{key: value}`` that the data set does not allow to go below.
    """

    table: int
    grid: Mapping[str, tuple[str, ...]]
    recommended: Mapping[str, tuple[str, str]]
    accuracy: float
    gain: str
    claims: str
    smallest: Mapping[str, float]


def _result(said: Mapping[str, Any]) -> ThesisResult:
    recommended = {key: tuple(value) for key, value in said["recommended"].items()}
    grid = {key: tuple(map(label, values)) for key, values in said["grid"].items()}
    return ThesisResult(**{**said, "recommended": recommended, "grid": grid})


_TEXT = files(__package__).joinpath("thesis.yaml").read_text(encoding="utf-8")
THESIS = {data: _result(said) for data, said in yaml.safe_load(_TEXT).items()}
"""By data set."""
