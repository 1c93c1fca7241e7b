"""Main effects and two-way interactions as shares of the variance of a full factorial.

For a balanced grid the functional ANOVA is exact: the mean over all axes outside a set ``u``, less
the effects of all sets inside ``u``, is the effect of ``u``; effects are orthogonal, so that the
variance over all runs is the sum of the variances of all effects and of the spread over seeds
(Hoeffding 1948; Hooker 2007). Nothing is fitted and nothing is left over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

MAIN, PAIR, HIGHER, SHARED = "main", "pair", "higher", "shared"
REPEAT, RESIDUAL = "repeat", "residual"


@dataclass(frozen=True)
class Effect:
    """One term of the decomposition.

    Attributes:
        keys: the axes it belongs to; empty for sums of terms and residuals.
        kind: ``main``, ``pair``, ``higher`` (all interactions of three or more axes together),
            ``repeat`` (which seed or split, where each was run at each point), ``residual`` (what
            is left between runs of a point, or what a fit leaves over), ``shared``
            (of an unbalanced grid: what more than one term could explain).
        share: of the variance over all runs; all shares add up to 1.
        df: degrees of freedom.
        sum_sq: sum of squares over runs, in the metric's unit squared.
        omega_sq: the share less what chance alone would give it (Hays's omega squared, from the
            spread over seeds); None without repeats.
    """

    keys: tuple[str, ...]
    kind: str
    share: float
    df: int
    sum_sq: float
    omega_sq: float | None = None


@dataclass(frozen=True)
class Decomposition:
    """All effects, by falling share within their kind.

    Attributes:
        effects: they add up to the whole variance.
        exact: whether the grid was full and balanced; else the effects were fitted.
        sd: standard deviation of the metric over all runs (n).
        note: how it was computed, for the reader.
    """

    effects: tuple[Effect, ...]
    exact: bool
    sd: float
    note: str

    def of_kind(self, kind: str) -> list[Effect]:
        return [effect for effect in self.effects if effect.kind == kind]


def decompose(frame: pd.DataFrame, keys: Sequence[str], value: str = "metric") -> Decomposition:
    """The exact decomposition of a full, balanced factorial.

    Args:
        frame: a row per run, with the level of each axis as 0, 1, 2, ..., and perhaps ``repeat``,
            the name of its seed or split.
        keys: the axes' columns.
        value: the column whose variance is decomposed.
    """
    sizes = [int(frame[key].max()) + 1 for key in keys]
    repeats = len(frame) // int(np.prod(sizes))
    ordered = frame.sort_values(list(keys), kind="stable")[value].to_numpy(dtype=float)
    runs = ordered.reshape(*sizes, repeats)
    blocks = _blocks(frame, keys, repeats)
    cells = runs.mean(axis=-1)
    n, total = runs.size, float(((runs - runs.mean()) ** 2).sum())
    within = float(((runs - cells[..., None]) ** 2).sum())
    residual_df = n - cells.size
    between, between_df = 0.0, 0
    if blocks is not None:
        # Each seed or split was run at each point: what it does to all of them is no chance there.
        means = frame.groupby(blocks)[value].mean()
        between = float(((means - means.mean()) ** 2).sum()) * cells.size
        between_df = len(means) - 1
        within, residual_df = max(0.0, within - between), residual_df - between_df

    found: dict[tuple[int, ...], np.ndarray] = {(): np.asarray(cells.mean())}
    terms = []
    for order in (1, 2):
        for subset in combinations(range(len(keys)), order):
            others = tuple(i for i in range(len(keys)) if i not in subset)
            # Kept dimensions of length 1 let effects of different sets be subtracted.
            effect = cells.mean(axis=others, keepdims=True) if others else cells
            for inner, lower in found.items():
                if set(inner) < set(subset):
                    effect = effect - lower
            found[subset] = effect
            sum_sq = float((effect**2).mean()) * n
            df = int(np.prod([sizes[i] - 1 for i in subset]))
            terms.append((tuple(keys[i] for i in subset), (MAIN, PAIR)[order - 1], df, sum_sq))
    if len(keys) > 2:
        df = cells.size - 1 - sum(term[2] for term in terms)
        sum_sq = max(0.0, total - within - between - sum(term[3] for term in terms))
        terms.append(((), HIGHER, df, sum_sq))
    if blocks is not None:
        terms.append(((), REPEAT, between_df, between))
    if repeats > 1:
        terms.append(((), RESIDUAL, residual_df, within))
    noise = within / residual_df if repeats > 1 else None

    effects = [
        Effect(
            names, kind, _share(sum_sq, total), df, sum_sq, _omega(kind, sum_sq, df, total, noise)
        )
        for names, kind, df, sum_sq in terms
    ]
    note = (
        f"Exact decomposition of the full {' x '.join(map(str, sizes))} grid"
        + (f" with {repeats} runs per point." if repeats > 1 else ", one run per point: ")
        + ("" if repeats > 1 else "chance between seeds cannot be told from interactions.")
    )
    return Decomposition(_sorted(effects), True, float(np.sqrt(total / n)), note)


def _blocks(frame: pd.DataFrame, keys: Sequence[str], repeats: int) -> pd.Series | None:
    """Which repeat each run is of, if each was run at each point; else None."""
    if repeats < 2 or "repeat" not in frame:
        return None
    count = frame["repeat"].nunique()
    once = not frame.duplicated([*keys, "repeat"]).any()
    return frame["repeat"] if once and count == repeats else None


def _share(sum_sq: float, total: float) -> float:
    return sum_sq / total if total > 0 else 0.0


def _omega(kind: str, sum_sq: float, df: int, total: float, noise: float | None) -> float | None:
    if noise is None or kind in (REPEAT, RESIDUAL) or total <= 0:
        return None
    return max(0.0, (sum_sq - df * noise) / (total + noise))


def _sorted(effects: Sequence[Effect]) -> tuple[Effect, ...]:
    kinds = (MAIN, PAIR, HIGHER, SHARED, REPEAT, RESIDUAL)
    return tuple(sorted(effects, key=lambda e: (kinds.index(e.kind), -e.share)))
