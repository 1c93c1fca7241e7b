"""Whether two points differ by more than chance: between seeds, or by the samples at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snn.analysis.claims.estimate import over_replicates

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


def of_pairs(
    differences: Sequence[float], overlap: float = 0.0, least: float = 0.0, shared: str = "seed"
) -> Difference | None:
    """Mean difference of runs that share a seed or split, by Student's t; None of too few pairs.

    Args:
        differences: one per pair.
        overlap: of the samples of splits, as :func:`over_replicates` has it.
        least: variance that a difference has at least.
        shared: what the runs of a pair share, in words.
    """
    if len(differences) < FEWEST_PAIRS:
        return None
    found = over_replicates(differences, overlap, least)
    how = f"{len(differences)} pairs of runs that share their {shared}, Student's t"
    return Difference(found.value, *found.interval(), how)


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
