"""What replicates say for and against one claim.

A claim can be wrong in two ways that must not be confused: there may be no such effect, or one too
small to matter. Each kind of claim therefore has two p values. ``p_for`` is that of *no effect in
the claimed direction*; the claim holds if it is small and the effect reaches a margin.
``p_against`` is that of *an effect of at least the margin, as claimed*; the claim does not hold if
it is small, be it that the effect is reversed or that it is practically nil (the one-sided half of
an equivalence test; Lakens 2017, Soc. Psychol. Personal. Sci. 8:355). Both are two-sided, so that
without correction they agree with the 95 % interval: it lies above zero, or below the margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from snn.analysis.claims.estimate import Estimate, LevelMeans


@dataclass(frozen=True)
class Evidence:
    """For and against one claim, in the measure's own unit.

    Attributes:
        value, low, high: the effect, positive as claimed, and its 95 % interval.
        p_for: of no effect in the claimed direction.
        p_against: of an effect of at least the margin in the claimed direction.
        reaches: whether the effect is large enough for the claim to hold.
        departs: whether it is far enough from the claim for it not to hold.
    """

    value: float
    low: float
    high: float
    p_for: float
    p_against: float
    reaches: bool = True
    departs: bool = True


def towards(found: Estimate, margin: float) -> Evidence:
    """A difference is positive."""
    return Evidence(
        found.value,
        *found.interval(),
        found.p_above(0.0),
        found.p_below(margin),
        reaches=found.value >= margin,
    )


def best(means: LevelMeans, level: int, margin: float, beyond: Sequence[int] = ()) -> Evidence:
    """One level lies above each other: the smallest of its leads is positive.

    With levels ``beyond``, any of which may be best instead, it is the best of all these that is
    compared with each of the rest; that it is chosen by the same means is not corrected for.

    It holds if it beats each other level, for which the largest p counts (an intersection-union
    test, Berger 1982), and fails if any other comes within the margin (Bonferroni). The interval is
    that of multiple comparisons with the best (Hsu 1984), with Bonferroni's constant, which is a
    little wide, above and Student's below.
    """
    first = max((level, *beyond), key=lambda i: means.average[i])
    rest = [i for i in range(means.means.shape[1]) if i != level and i not in beyond]
    leads = [means.difference(first, i) for i in rest]
    return Evidence(
        min(lead.value for lead in leads),
        min(lead.value - lead.half_width() for lead in leads),
        min(lead.value + lead.half_width(len(leads)) for lead in leads),
        max(lead.p_above(0.0) for lead in leads),
        float(np.minimum(1.0, len(leads) * min(lead.p_below(margin) for lead in leads))),
        reaches=min(lead.value for lead in leads) >= margin,
    )


def differ(means: LevelMeans, margin: float) -> Evidence:
    """Levels differ: the F test for, and against it that all pairs lie within the margin.

    The effect is the range of the levels' means, with the widest of the pairs' simultaneous
    intervals (Bonferroni).
    """
    pairs = [means.difference(i, j) for i, j in combinations(range(means.means.shape[1]), 2)]
    widest = max(pairs, key=lambda pair: abs(pair.value))
    half = widest.half_width(len(pairs))
    within = max(max(pair.p_below(margin), pair.p_above(-margin)) for pair in pairs)
    size = abs(widest.value)
    return Evidence(
        size,
        max(0.0, size - half) if half == half else np.nan,
        size + half,
        means.p_any() if means.pooled else np.nan,
        within,
        reaches=size >= margin,
    )


def same(means: LevelMeans, margin: float) -> Evidence:
    """Levels do not differ: the same with the sides changed."""
    found = differ(means, margin)
    return Evidence(
        *(found.value, found.low, found.high, found.p_against, found.p_for),
        departs=found.reaches,
    )


def within(found: Estimate, low: float, high: float) -> Evidence:
    """A difference lies in an interval."""
    return Evidence(
        found.value,
        *found.interval(),
        max(found.p_above(low), found.p_below(high)),
        min(found.p_below(low), found.p_above(high)),
    )


def below(found: Estimate, limit: float) -> Evidence:
    """A number lies below a limit."""
    return Evidence(
        found.value,
        *found.interval(),
        found.p_below(limit),
        found.p_above(limit),
    )


def above(found: Estimate, limit: float) -> Evidence:
    """A number lies above a limit."""
    return Evidence(
        found.value,
        *found.interval(),
        found.p_above(limit),
        found.p_below(limit),
    )


def ranges_apart(grid: np.ndarray, first: int, others: Sequence[int]) -> np.ndarray:
    """How much further apart one parameter's means lie than those of each other, by replicate.

    Args:
        grid: ``[replicate, level, level, ...]``.
        first: axis of the parameter, counted without the replicates.
        others: likewise, those that it is compared with.
    """

    def spread(axis: int) -> np.ndarray:
        rest = tuple(i + 1 for i in range(grid.ndim - 1) if i != axis)
        return np.ptp(grid.mean(axis=rest), axis=1)

    return spread(first) - np.max([spread(axis) for axis in others], axis=0)
