"""Differences between values of a parameter, with the error that replicates show.

Replicates are blocks: what all runs of one share does not matter. A difference between values is
tested against how much it varies from replicate to replicate, the interaction *replicate x
parameter*, which is the error of the split-block analysis of variance and, for a balanced grid, of
the mixed model with random replicates and random interactions (Montgomery, *Design and Analysis of
Experiments*, ch. 13). The many points of one replicate are no replication: they share its samples
or seed, and only make its means more precise.

Three replicates leave two degrees of freedom to a difference by itself, for which Student's t must
exceed 4.3. All differences between the ``a`` values of one parameter are means over equally many
runs of the same kind, so that their interactions are taken to have one variance; pooled over them,
``(replicates - 1)(a - 1)`` degrees of freedom are left, 4 for three values, and 2.8 is enough.
Interactions of *different* parameters are not pooled: a split may well favour large networks and
not care for the surrogate's scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A difference, its standard error, and the degrees of freedom of that."""

    value: float
    error: float
    df: int

    @property
    def known(self) -> bool:
        """Whether there is an error to judge by."""
        return self.df > 0

    def half_width(self, tests: int = 1) -> float:
        """Of the 95 % interval; with Bonferroni's correction for so many of them."""
        from scipy import stats  # slow to import

        if not self.known:
            return np.nan
        return float(stats.t.ppf(1 - (1 - LEVEL) / (2 * tests), self.df)) * self.error

    def interval(self) -> tuple[float, float]:
        """Of 95 %."""
        half = self.half_width()
        return self.value - half, self.value + half

    def p_above(self, limit: float = 0.0) -> float:
        """Two-sided p of the difference being ``limit``, if it lies above; else 1."""
        from scipy import stats

        if not self.known:
            return np.nan
        if self.error == 0:
            return float(self.value <= limit)
        return min(1.0, 2 * float(stats.t.sf((self.value - limit) / self.error, self.df)))

    def p_below(self, limit: float = 0.0) -> float:
        """The same, if it lies below."""
        return Estimate(-self.value, self.error, self.df).p_above(-limit)


def counted(samples: int) -> float:
    """Variance of an accuracy that is known to one of so many samples: of rounding to it."""
    return 1 / samples**2 / 12


def over_replicates(values: Sequence[float], overlap: float = 0.0, least: float = 0.0) -> Estimate:
    """The mean of one number per replicate, by Student's t.

    Args:
        values: one per replicate.
        overlap: see :class:`LevelMeans`.
        least: the variance is at least this.
    """
    numbers = np.asarray(values, dtype=float)
    n = len(numbers)
    variance = max(float(numbers.var(ddof=1)), least) if n > 1 else np.nan
    return Estimate(float(numbers.mean()), float(np.sqrt(variance * (1 / n + overlap))), n - 1)


@dataclass(frozen=True)
class LevelMeans:
    """Means of a measure at the values of a parameter, in each replicate.

    Attributes:
        means: ``[replicate, level]``.
        overlap: samples that were held out over samples that were trained on, where replicates
            draw both anew from one pool: they share most of their samples, so that the variance of
            their mean is not 1/n but 1/n + overlap of theirs (Nadeau & Bengio 2003, Mach. Learn.
            52:239). 0 where replicates are seeds.
        least: variance that one entry of ``means`` has at least, since accuracies are counted in
            whole samples.
        spread: levels that have a spread; at one where every run collapsed there is none, and it
            would make the others' look small.
        pooled: whether all values of the parameter share one error.
    """

    means: np.ndarray
    overlap: float = 0.0
    least: float = 0.0
    spread: tuple[int, ...] | None = None
    pooled: bool = True

    @property
    def average(self) -> np.ndarray:
        """Over replicates, ``[level]``."""
        return self.means.mean(axis=0)

    @property
    def error(self) -> tuple[float, int]:
        """Mean square of replicate x parameter, and its degrees of freedom."""
        at = list(self.spread or ())
        y = self.means[:, at] if len(at) > 1 else self.means
        df = (y.shape[0] - 1) * (y.shape[1] - 1)
        if df == 0:
            return np.nan, 0
        rest = y - y.mean(axis=0) - y.mean(axis=1, keepdims=True) + y.mean()
        return max(float((rest**2).sum() / df), self.least), df

    def contrast(self, weights: Sequence[float]) -> Estimate:
        """A weighted sum of the levels' means; the weights add up to nothing."""
        w = np.asarray(weights, dtype=float)
        if not self.pooled:
            return over_replicates(self.means @ w, self.overlap, self.least * float(w @ w))
        square, df = self.error
        shared = 1 / len(self.means) + self.overlap
        error = float(np.sqrt(square * float(w @ w) * shared))
        return Estimate(float(self.average @ w), error, df)

    def difference(self, first: int, second: int) -> Estimate:
        """The first level's mean less the second's."""
        weights = np.zeros(self.means.shape[1])
        weights[first], weights[second] = 1, -1
        return self.contrast(weights)

    def p_any(self) -> float:
        """That all levels are equal, by the F test; NaN without replicates."""
        from scipy import stats

        square, df = self.error
        levels, n = self.means.shape[1], len(self.means)
        if df == 0:
            return np.nan
        between = float(((self.average - self.average.mean()) ** 2).sum()) / (levels - 1)
        if square == 0:
            return float(between == 0)
        return float(stats.f.sf(between / (square * (1 / n + self.overlap)), levels - 1, df))
