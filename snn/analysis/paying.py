"""Where a network stops paying: accuracy against spikes, hidden neurons and time steps.

A curve has a point per value of one parameter: the mean over all other parameters and replicates,
over those combinations that were run with each value in every replicate
(:mod:`snn.analysis.claims.balance`). Collapsed runs are left out, as their accuracy says nothing of
a size. A network *stops paying* at the smallest size whose accuracy is behind the best value's by
no more than a margin, or by no more than one standard error of that difference if this is larger:
the one-standard-error rule (Breiman et al. 1984, *Classification and Regression Trees*, sec. 3.4.3)
with a floor. The error is that of :class:`~snn.analysis.claims.estimate.LevelMeans`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from snn.analysis.axes import Axis
from snn.analysis.claims.balance import (
    REPLICATE,
    Balanced,
    balanced,
    replicate_names,
    sample_overlap,
)
from snn.analysis.claims.estimate import LevelMeans
from snn.analysis.collapse import find_collapsed
from snn.analysis.study import Study

MARGIN = 0.005  # of accuracy, 0..1
SIZES = {"model.nb_hidden": "hidden neurons", "data.nb_steps": "time steps"}
SPIKES = "spikes"
# Parameters that are there to make a network spike less.
ACTIVITY = ("model.regularizer", "model.regularizer_l2", "event_dropout", "threshold")


@dataclass(frozen=True)
class Curve:
    """Accuracy by the values of one parameter, the smallest size first.

    Attributes:
        axis: the parameter.
        panel: what sizes are: ``spikes``, or the key of :data:`SIZES`.
        values: as labels ``[value]``.
        sizes: hidden spikes per sample, neurons or steps ``[value]``; NaN where it is no number.
        sizes_sd: standard deviation over replicates, of spikes alone; else 0.
        spikes: per sample ``[value]``.
        accuracy: 0..1 ``[value]``.
        accuracy_sd: over replicates (n - 1); NaN of one.
        error: standard error of the difference to the best value; NaN of one replicate.
        replicates: their number.
        runs: points that each of them gave to each value.
        margin: what an accuracy may be behind.
    """

    axis: Axis
    panel: str
    values: tuple[str, ...]
    sizes: np.ndarray
    sizes_sd: np.ndarray
    spikes: np.ndarray
    accuracy: np.ndarray
    accuracy_sd: np.ndarray
    error: np.ndarray
    replicates: int
    runs: int
    margin: float

    @property
    def best(self) -> int:
        """Position of the highest accuracy; of equal ones, of the smallest size."""
        return int(np.argmax(self.accuracy))

    @property
    def behind(self) -> np.ndarray:
        """Of the best accuracy, ``[value]``."""
        return self.accuracy[self.best] - self.accuracy

    @property
    def allowed(self) -> np.ndarray:
        """By how much an accuracy may be behind, ``[value]``."""
        return np.fmax(self.error, self.margin)

    @property
    def knee(self) -> int:
        """Position of the smallest size that is not behind by more than is allowed."""
        return int(np.flatnonzero(self.behind <= self.allowed)[0])

    @property
    def pays_on(self) -> bool:
        """Whether only the largest size is good enough, so that larger ones may be better."""
        return self.knee == len(self.values) - 1


def curves(study: Study, margin: float = MARGIN) -> list[Curve]:
    """A curve per parameter that sets the size or the activity of a network.

    Args:
        study: a grid, ranked by an accuracy.
        margin: what an accuracy may be behind the best, 0..1.
    """
    frame = study.frame.assign(**{REPLICATE: replicate_names(study)})
    collapse = find_collapsed(study)
    if collapse is not None:
        frame = frame[~collapse.mask.to_numpy()]
    found = []
    for axis in study.axes.axes:
        if axis.key in SIZES:
            found.append(_curve(study, frame, axis, axis.key, margin))
        elif any(name in axis.key for name in ACTIVITY):
            found.append(_curve(study, frame, axis, SPIKES, margin))
    return [curve for curve in found if curve is not None]


def _curve(
    study: Study, frame: pd.DataFrame, axis: Axis, panel: str, margin: float
) -> Curve | None:
    have = frame.dropna(subset=["value", SPIKES] if panel == SPIKES else ["value"])
    part, active = (
        balanced(have, study.keys, axis.key, column, most=True) for column in ("value", SPIKES)
    )
    if part is None or axis.is_search:
        return None
    spikes = active.means if _same(part, active) else np.full_like(part.means, np.nan)
    shown = [axis.shown[level] for level in part.levels]
    numbers = axis.numbers or [np.nan] * len(axis.levels)
    plain = np.array([numbers[level] for level in part.levels], dtype=float)
    sizes = spikes.mean(axis=0) if panel == SPIKES else plain
    order = np.argsort(sizes, kind="stable")
    held_out = study.metric.split if study.metric.split in ("val", "test") else "val"
    means = LevelMeans(part.means[:, order], sample_overlap(study, [held_out]))
    best = int(np.argmax(means.average))
    others = [means.difference(best, i) for i in range(len(order))]
    several = len(part.replicates) > 1
    return Curve(
        axis,
        panel,
        tuple(shown[i] for i in order),
        sizes[order],
        _sd(spikes[:, order]) if panel == SPIKES else np.zeros(len(order)),
        spikes.mean(axis=0)[order],
        means.average,
        _sd(means.means),
        np.array([d.error if several else np.nan for d in others]),
        len(part.replicates),
        part.values.shape[2],
        margin,
    )


def _same(part: Balanced, other: Balanced | None) -> bool:
    """Whether two measures are known of the same runs."""
    return other is not None and part.values.shape == other.values.shape


def _sd(values: np.ndarray) -> np.ndarray:
    """Over replicates."""
    return values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1], np.nan)


def of_panel(found: Sequence[Curve], panel: str) -> list[Curve]:
    return [curve for curve in found if curve.panel == panel]
