"""The thesis's way to choose: the best value of each parameter, averaged over all others."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from snn.analysis.axes import Axis
from snn.analysis.matched import matched
from snn.analysis.study import Study
from snn.analysis.thesis import THESIS
from snn.analysis.values import label, ordered
from snn.places import program

MEASURES = ("train", "val", "test", "seconds", "joules", "value", "metric")


@dataclass(frozen=True)
class Choice:
    """The recommended value of one axis.

    Attributes:
        axis: the axis.
        code: position of the value among the axis's levels.
        mark: ``+`` or ``-`` where it is the largest or smallest of at least two numbers, else "".
        lead: how far its mean is above the next best value's, in the column's unit.
        equal: the values with that mean, in order; more than this one where it is a tie.
    """

    axis: Axis
    code: int
    mark: str
    lead: float
    equal: tuple[int, ...] = ()

    @property
    def tied(self) -> bool:
        """Whether nothing but the loss, or the order of the values, chose among the best."""
        return len(self.equal) > 1

    @property
    def shown(self) -> str:
        """The value with its mark, or all that are equally good: ``300+``, ``10 = 20``."""
        if self.tied:
            return " = ".join(self.axis.shown[code] for code in self.equal)
        return self.level + self.mark

    @property
    def level(self) -> str:
        return self.axis.shown[self.code]


def marginal_means(study: Study, key: str) -> pd.DataFrame:
    """Mean and spread of every measure for each value of an axis, over all other axes and repeats.

    Over those runs that may be compared (:mod:`snn.analysis.matched`); a value without any has no
    mean.

    Returns:
        A row per level; ``<measure>`` is the mean, ``<measure>_sd`` the standard deviation
        (n - 1), and ``n`` the number of runs.
    """
    grouped = matched(study, key).groupby(key)
    table = grouped[list(MEASURES)].mean()
    for name in MEASURES:
        table[f"{name}_sd"] = grouped[name].std()
    table["n"] = grouped.size()
    table = table.reindex(sorted(study.frame[key].unique()))
    table["n"] = table["n"].fillna(0)
    return table


def recommend(study: Study, column: str = "metric") -> list[Choice]:
    """Per axis the value with the highest mean of a column where larger is better.

    Of equal means of the metric the one with the lower loss is taken.
    """
    choices = []
    for axis in study.axes.axes:
        frame = matched(study, axis.key, column)
        means = frame.groupby(axis.key)[column].mean().dropna()
        if means.empty:
            continue
        code = int(means.idxmax())
        equal = means.index[np.isclose(means, means[code], rtol=0, atol=1e-12)]
        ties = frame.groupby(axis.key)["tie"].mean().reindex(equal).dropna()
        if column == "metric" and len(ties) > 1:
            code = int(ties.idxmax())
        others = means.drop(code)
        lead = float(means[code] - others.max()) if len(others) else np.nan
        choices.append(Choice(axis, code, _mark(axis, code), lead, tuple(map(int, equal))))
    return choices


def _mark(axis: Axis, code: int) -> str:
    if axis.numbers is None or len(axis.levels) < 2:
        return ""
    return {0: "-", len(axis.levels) - 1: "+"}.get(code, "")


def point_of(study: Study, choices: list[Choice]) -> pd.Series | None:
    """The point of the recommended combination, if it was run."""
    points = study.points
    for choice in choices:
        points = points[points[choice.axis.key] == choice.code]
    return None if points.empty else points.iloc[0]


def next_value(axis: Axis, mark: str, smallest: float = 0.0) -> str | None:
    """The value beyond the edge of an axis: one more step, or one more factor.

    Args:
        axis: an axis of numbers.
        mark: ``+`` above its largest value, ``-`` below its smallest.
        smallest: values below this, or at 0, make no sense.
    """
    numbers = axis.numbers
    if numbers is None or len(numbers) < 2:
        return None
    edge, inner = (numbers[-1], numbers[-2]) if mark == "+" else (numbers[0], numbers[1])
    others = np.array(numbers)
    positive = others.min() > 0
    value = edge * edge / inner if _is_geometric(others) else edge + (edge - inner)
    if positive and value <= 0:
        value = edge / 2
    if all(float(n).is_integer() for n in numbers):
        value = round(value)
    value = float(f"{value:.6g}")
    if mark == "-" and (value <= 0 or value < smallest or value == edge):
        return None
    return label(value)


def _is_geometric(numbers: np.ndarray) -> bool:
    """Whether values have equal factors rather than equal steps between them."""
    steps = np.diff(numbers)
    if numbers.min() <= 0:
        return False
    if len(steps) == 1:
        return numbers[1] / numbers[0] >= 5  # of two values, only a wide gap says so
    factors = numbers[1:] / numbers[:-1]
    return not np.allclose(steps, steps[0]) and np.allclose(factors, factors[0], rtol=0.01)


def extensions(study: Study, directory: Path) -> list[tuple[Choice, str | None]]:
    """For each optimum at an edge, the command that extends that axis over the whole grid.

    The command is None where the data set allows no value beyond the edge.
    """
    thesis = THESIS.get(study.data)
    found: list[tuple[Choice, str | None]] = []
    for choice in recommend(study):
        if not choice.mark or choice.tied:
            continue
        smallest = thesis.smallest.get(choice.axis.key, 0.0) if thesis else 0.0
        value = next_value(choice.axis, choice.mark, smallest)
        found.append((choice, value and _command(study, directory, choice.axis, value)))
    return found


def _command(study: Study, directory: Path, extended: Axis, value: str) -> str:
    """A multirun over the new value and all levels of the other axes (and seeds).

    It writes into the sweep's own directory, where each run has a folder of its own.
    """
    words = [
        *shlex.split(program("train")),
        "-m",
        *study.runs[0].elsewhere,
        *(f"{k}={v}" for k, v in study.axes.common.items()),
    ]
    for axis in study.axes.axes:
        levels = [value] if axis is extended else axis.levels
        words.append(f"{axis.key}={','.join(levels)}")
    for key, column in study.axes.repeats.items():
        words.append(f"{key}={','.join(ordered(column))}")
    if not {"seed"} & {*study.axes.common, *study.axes.repeats}:
        words.append(f"seed={study.runs[0].result.get('seed')}")
    words.append(f"hydra.sweep.dir={directory}")
    return " ".join(shlex.quote(word) for word in words)
