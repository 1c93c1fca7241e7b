"""What matters in a search: shares of the variance that its points' metric has.

Points that were drawn fill no grid, and effects of parameters that were drawn together cannot be
told apart exactly. Each parameter gets what it adds to a fit, averaged over all orders in which
parameters could be added (Lindeman, Merenda & Gold 1980; the Shapley value of R²). These shares
are never negative, and add up to what the fit explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd

from snn.analysis.axes import Axis
from snn.analysis.effects import MAIN, RESIDUAL, Decomposition, Effect
from snn.analysis.figures.scales import is_logarithmic

FEWEST_PER_TERM = 3  # points for each column of the fit; with fewer it would explain chance
MOST_AXES = 10  # of more, there are too many orders


def shares(frame: pd.DataFrame, axes: Sequence[Axis]) -> tuple[Decomposition | None, str]:
    """The shares, or None and why there are none.

    Args:
        frame: a row per run, with the level of each axis and a ``metric``.
        axes: what was searched.
    """
    columns = {axis.key: _columns(frame[axis.key], axis) for axis in axes}
    columns = {key: c for key, c in columns.items() if c.shape[1]}
    terms = sum(c.shape[1] for c in columns.values())
    needed = FEWEST_PER_TERM * (terms + 1)
    if not columns or len(columns) > MOST_AXES:
        return None, "Too many parameters were searched to tell their effects apart."
    if len(frame) < needed:
        return None, (
            f"{len(frame)} points are too few to tell what matters among {len(columns)} "
            f"parameters; {needed} would do."
        )
    y = frame["metric"].to_numpy(dtype=float)
    total = float(((y - y.mean()) ** 2).sum())
    if total <= 0:
        return None, "Too few different results to tell effects apart."
    keys = list(columns)
    explained = {
        subset: 1 - _residual(y, [columns[key] for key in subset]) / total
        for size in range(len(keys) + 1)
        for subset in combinations(keys, size)
    }
    effects = []
    for key in keys:
        share = _shapley(key, keys, explained)
        effects.append(Effect((key,), MAIN, share, columns[key].shape[1], share * total))
    effects.sort(key=lambda effect: -effect.share)
    left = max(0.0, 1 - explained[tuple(keys)])
    effects.append(Effect((), RESIDUAL, left, len(y) - 1 - terms, left * total))
    note = (
        "Of points that were drawn: what each parameter adds to a fit (a parabola of numbers, a "
        "mean of each choice), averaged over all orders of adding them. What they do together "
        "is in the residual. A sampler draws most points where they are good, so that shares hold "
        "for the points drawn, not for the whole space."
    )
    return Decomposition(tuple(effects), False, float(np.sqrt(total / len(y))), note), ""


def _shapley(key: str, keys: Sequence[str], explained: dict[tuple[str, ...], float]) -> float:
    others, count, share = [k for k in keys if k != key], len(keys), 0.0
    for size in range(count):
        weight = factorial(size) * factorial(count - size - 1) / factorial(count)
        for subset in combinations(others, size):
            whole = tuple(k for k in keys if k in (*subset, key))
            share += weight * (explained[whole] - explained[subset])
    return max(0.0, share)


def _columns(codes: pd.Series, axis: Axis) -> np.ndarray:
    """A parabola of numbers that are many or drawn, else a column for each level but one."""
    occurring = sorted(codes.unique())
    numbers = axis.numbers
    if len(occurring) < 2:
        return np.empty((len(codes), 0))
    if numbers is not None and len(occurring) > 3:
        x = np.array([numbers[code] for code in codes], dtype=float)
        x = np.log(x) if is_logarithmic(axis) else x
        x = (x - x.mean()) / x.std()
        return np.stack([x, x**2 - (x**2).mean()], axis=1)
    return np.stack([codes.to_numpy() == level for level in occurring[1:]], axis=1).astype(float)


def _residual(y: np.ndarray, columns: Sequence[np.ndarray]) -> float:
    design = np.concatenate([np.ones((len(y), 1)), *columns], axis=1)
    solution = np.linalg.lstsq(design, y, rcond=None)[0]
    return float(((y - design @ solution) ** 2).sum())
