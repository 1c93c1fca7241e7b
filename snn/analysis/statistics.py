"""Small pieces of statistics, each with its source."""

from __future__ import annotations

from collections.abc import Sequence


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's score interval of a binomial share (Wilson 1927), 95 %.

    Args:
        share: share of successes, 0..1.
        n: trials.
    """
    from statsmodels.stats.proportion import proportion_confint  # here: it takes long to import

    low, high = proportion_confint(share * n, n, method="wilson")
    return max(0.0, float(low)), min(1.0, float(high))


def pareto_front(cost: Sequence[float], gain: Sequence[float]) -> list[int]:
    """Positions of the points that no other beats in both: by rising cost, and rising gain."""
    front: list[int] = []
    order = sorted(range(len(cost)), key=lambda i: (cost[i], -gain[i]))
    for i in order:
        if not front or gain[i] > gain[front[-1]]:
            front.append(i)
    return front
