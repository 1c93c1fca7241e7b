"""Effects in a grid that is incomplete or unbalanced: fitted by least squares (statsmodels)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from snn.analysis.effects import (
    MAIN,
    PAIR,
    RESIDUAL,
    SHARED,
    Decomposition,
    Effect,
    _share,
    _sorted,
)

# An axis with more levels than this, and few runs for each, is fitted by a parabola.
MOST_LEVELS = 8


def fit(
    frame: pd.DataFrame,
    keys: Sequence[str],
    numbers: dict[str, list[float] | None],
    value: str = "metric",
) -> Decomposition | None:
    """Effects by type-II sums of squares; None if there are too few runs to tell.

    A term's sum of squares is what it adds to a model with all terms that do not contain it. In an
    unbalanced grid these do not add up; what is missing is given as a term of its own (``shared``:
    positive where several terms could explain the same part).

    Args:
        frame: a row per run, with the level of each axis as 0, 1, 2, ...
        keys: the axes' columns.
        numbers: the levels of each axis as numbers, or None.
        value: the column whose variance is explained.
    """
    y = frame[value].to_numpy(dtype=float)
    total = float(((y - y.mean()) ** 2).sum())
    columns = {(key,): _columns(frame[key], numbers[key]) for key in keys}
    columns = {term: c for term, c in columns.items() if c.shape[1]}
    if total <= 0 or not columns or _rank(columns.values(), len(y)) >= len(y):
        return None
    for a, b in combinations([term[0] for term in columns], 2):
        pair = _products(columns[(a,)], columns[(b,)])
        trial = [*columns.values(), pair]
        # A pair with empty cells cannot be told from other terms; nor can one without spare runs.
        new_rank = _rank(trial, len(y))
        if new_rank == _rank(columns.values(), len(y)) + pair.shape[1] and new_rank < len(y):
            columns[(a, b)] = pair
    residual = _residual(y, columns.values())
    effects = []
    for term, own in columns.items():
        others = [c for t, c in columns.items() if not set(term) <= set(t)]
        sum_sq = max(0.0, _residual(y, others) - _residual(y, [*others, own]))
        df = _rank([*others, own], len(y)) - _rank(others, len(y))
        kind = MAIN if len(term) == 1 else PAIR
        effects.append(Effect(term, kind, _share(sum_sq, total), df, sum_sq))
    shared = total - residual - sum(effect.sum_sq for effect in effects)
    df = len(y) - _rank(columns.values(), len(y))
    effects.append(Effect((), RESIDUAL, _share(residual, total), df, residual))
    effects.append(Effect((), SHARED, _share(shared, total), 0, shared))
    pairs = sum(len(term) == 2 for term in columns)
    possible = len(keys) * (len(keys) - 1) // 2
    mains = sum(len(term) == 1 for term in columns)
    note = (
        "Not a full, balanced grid of few values: effects are type-II sums of squares of a least-"
        f"squares fit (statsmodels). Main effects: {mains}; two-way interactions that the runs can "
        f"tell apart: {pairs} of {possible}. What several terms could explain alike is 'shared'; "
        "it is negative where terms explain more together than one by one."
    )
    return Decomposition(_sorted(effects), False, float(np.sqrt(total / len(y))), note)


def _columns(codes: pd.Series, numbers: list[float] | None) -> np.ndarray:
    """Design columns of one axis, centred: a dummy per level but one, or a parabola."""
    occurring = sorted(codes.unique())
    if len(occurring) < 2:
        return np.empty((len(codes), 0))  # the runs that are left have one value of it
    if numbers is not None and len(occurring) > max(MOST_LEVELS, len(codes) // 4):
        x = np.array([numbers[code] for code in codes], dtype=float)
        if x.min() > 0 and x.max() / x.min() > 20:
            x = np.log(x)
        x = (x - x.mean()) / x.std()
        return np.stack([x, x**2 - (x**2).mean()], axis=1)
    dummies = np.stack([codes.to_numpy() == level for level in occurring[1:]], axis=1).astype(float)
    return dummies - dummies.mean(axis=0)


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


def _design(columns: Sequence[np.ndarray], n: int) -> np.ndarray:
    return np.concatenate([np.ones((n, 1)), *columns], axis=1)


def _rank(columns, n: int) -> int:
    return int(np.linalg.matrix_rank(_design(list(columns), n)))


def _residual(y: np.ndarray, columns) -> float:
    import statsmodels.api as sm  # takes a second to import, and most grids do not need it

    with warnings.catch_warnings():  # terms that the runs cannot tell apart are expected here
        warnings.filterwarnings("ignore", message="The design matrix is rank-deficient")
        return float(sm.OLS(y, _design(list(columns), len(y))).fit().ssr)
