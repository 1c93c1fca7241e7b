"""Whether two points differ by more than chance: between seeds, or by the samples at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_PAIRS = 2


@dataclass(frozen=True)
class Difference:
    """A difference with its 95 % interval.

    Attributes:
        value: the second less the first.
        low, high: the interval's ends.
        how: how it was found, for the reader.
    """

    value: float
    low: float
    high: float
    how: str

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def of_pairs(differences: Sequence[float]) -> Difference | None:
    """Mean difference of runs that share a seed, by Student's t; None of too few pairs."""
    if len(differences) < FEWEST_PAIRS:
        return None
    from scipy import stats  # slow to import

    values = np.asarray(differences, dtype=float)
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    half = float(stats.t.ppf(0.975, len(values) - 1)) * error
    how = f"{len(values)} pairs of runs that share their seed, Student's t"
    return Difference(mean, mean - half, mean + half, how)


def of_shares(first: float, second: float, n: int) -> Difference:
    """Difference of two accuracies on ``n`` samples each, by Newcombe's interval (statsmodels).

    Both were measured on the same samples, or on as many. Which of them each got right is not
    recorded, so that they cannot be paired (McNemar), and the interval is too wide for the samples;
    chance between seeds is not in it.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    counts = round(second * n), round(first * n)
    low, high = confint_proportions_2indep(counts[0], n, counts[1], n, method="newcomb")
    how = (
        f"unpaired, from {n} samples each, Newcombe: too wide, as both have the same samples, but "
        "single predictions are not stored; without chance between seeds, as there is no pair of "
        "seeds"
    )
    return Difference(second - first, float(low), float(high), how)
