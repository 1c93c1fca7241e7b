"""Small pieces of statistics, each with its source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Z_95 = 1.959963984540054  # 97.5 % quantile of the standard normal distribution


def wilson(share: float, n: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a binomial share (Wilson 1927), 95 % unless told.

    Args:
        share: share of successes, 0..1.
        n: trials.
        z: quantile of the standard normal distribution.
    """
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def pareto_front(cost: Sequence[float], gain: Sequence[float]) -> list[int]:
    """Positions of the points that no other beats in both: by rising cost, and rising gain."""
    front: list[int] = []
    order = sorted(range(len(cost)), key=lambda i: (cost[i], -gain[i]))
    for i in order:
        if not front or gain[i] > gain[front[-1]]:
            front.append(i)
    return front
