"""Few cases in which every two values of different options meet at least once."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any


def pairwise(options: Mapping[str, Sequence[Any]], seed: int = 0) -> list[dict[str, Any]]:
    """Cases that hold every pair of values, far fewer than the product.

    Args:
        options: the values of each option.
        seed: of the draws among which the best next case is chosen.
    """
    chance, names = random.Random(seed), list(options)
    open_pairs = {
        (a, i, b, j)
        for a, b in combinations(names, 2)
        for i in range(len(options[a]))
        for j in range(len(options[b]))
    }

    def met(case: Mapping[str, int]) -> set[tuple[str, int, str, int]]:
        return {(a, case[a], b, case[b]) for a, b in combinations(names, 2)} & open_pairs

    cases = []
    while open_pairs:
        a, i, b, j = min(open_pairs)
        drawn = [
            {n: chance.randrange(len(options[n])) for n in names} | {a: i, b: j} for _ in range(50)
        ]
        best = max(drawn, key=lambda case: len(met(case)))
        open_pairs -= met(best)
        cases.append({name: options[name][k] for name, k in best.items()})
    return cases


def title(case: Mapping[str, Any]) -> str:
    """A case's name in a test's."""
    return ",".join(f"{name}={value}" for name, value in case.items())
