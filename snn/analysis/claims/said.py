"""What the thesis claims, read from ``claims.yaml``, which explains the kinds of claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal, get_args

import yaml

from snn.analysis.values import label

Kind = Literal[
    *("best", "rises", "falls", "jumps", "matters", "same", "matters_more"),
    *("collapses", "gains", "reaches"),
]
Measure = Literal["train", "held_out", "seconds"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim.

    Attributes:
        claim: in words.
        source: figure or table of the thesis.
        kind: what must be seen for it to hold.
        by: the measures that it is judged by, one after another.
        key: the parameter that it is about; empty for a combination.
        value: of that parameter, as a label.
        or_beyond: ``more`` or ``less``: one above or below ``value`` may be best instead.
        values: likewise, several.
        than: the parameters that ``key`` is compared with.
        point: ``{key: label}`` of a combination.
        points: percentage points that it is said to gain, from and to.
        percent: accuracy that it is said to have.
    """

    claim: str
    source: str
    kind: Kind
    by: tuple[Measure, ...]
    key: str = ""
    value: str = ""
    or_beyond: Literal["more", "less"] | None = None
    values: tuple[str, ...] = ()
    than: tuple[str, ...] = ()
    point: Mapping[str, str] = field(default_factory=dict)
    points: tuple[float, float] = (0.0, 0.0)
    percent: float = 0.0

    def __post_init__(self) -> None:
        known = self.kind in get_args(Kind) and set(self.by) <= set(get_args(Measure))
        if not known:
            raise ValueError(f"claims.yaml: {self.claim!r} has an unknown kind or measure")

    @property
    def named(self) -> tuple[str, ...]:
        """The values of ``key`` that must have been run."""
        return self.values or ((self.value,) if self.value else ())


def _claim(said: Mapping[str, Any]) -> Claim:
    plain: dict[str, Any] = dict(said)
    if "value" in plain:
        plain["value"] = label(plain["value"])
    plain["values"] = tuple(label(value) for value in plain.get("values", ()))
    plain["point"] = {key: label(value) for key, value in plain.get("point", {}).items()}
    for name in ("by", "than", "points"):
        if name in plain:
            plain[name] = tuple(plain[name])
    return Claim(**plain)


_TEXT = files("snn.analysis").joinpath("claims.yaml").read_text(encoding="utf-8")
CLAIMS = {data: tuple(map(_claim, said)) for data, said in yaml.safe_load(_TEXT).items()}
"""By data set."""
