"""Replicates of a grid, and the part of it that each of them has run.

A *replicate* is a repetition of the grid with another draw of chance: another split of the data
where splits vary, else another seed. Several seeds of one split are averaged, since they share the
larger chance. What differs between values of one parameter may be averaged over the others only
where all have been run with each value in every replicate: such a combination of the others is
called a block here. An unfinished sweep has fewer blocks, and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from snn.analysis.axes import REPEATS
from snn.analysis.study import Study
from snn.analysis.values import ordered

REPLICATE = "replicate"
SPLITS = tuple(key for key in REPEATS if key != "seed")
MOST_SUBSETS = 10  # values of one parameter, of which every choice is tried
MOST_CHOSEN = 8  # replicates, likewise


@dataclass(frozen=True)
class Balanced:
    """One measure at some values of one parameter.

    Attributes:
        replicates: their names.
        levels: positions of the values among the parameter's levels.
        values: ``[replicate, level, block]``.
        rows: labels of the runs they are of.
    """

    replicates: tuple[str, ...]
    levels: tuple[int, ...]
    values: np.ndarray
    rows: pd.Index

    @property
    def means(self) -> np.ndarray:
        """Over blocks, ``[replicate, level]``."""
        return self.values.mean(axis=2)


def replicate_names(study: Study) -> list[str]:
    """The replicate of each run; all are one where neither splits nor seeds vary."""
    drawn = study.axes.repeats
    keys = [key for key in SPLITS if key in drawn] or [key for key in drawn if key == "seed"]
    columns = [[f"{key.rsplit('.', 1)[-1]}={v}" for v in drawn[key]] for key in keys]
    if not columns:
        return ["the only one"] * len(study.runs)
    return [", ".join(parts) for parts in zip(*columns, strict=True)]


def redraws_samples(study: Study) -> bool:
    """Whether replicates differ in which samples are trained on."""
    return any(key in study.axes.repeats for key in SPLITS)


def sample_overlap(study: Study, held_out: Sequence[str]) -> float:
    """Held-out over training samples, where replicates draw both anew from one pool; else 0.

    Args:
        study: whose replicates.
        held_out: the parts that count as held out, of ``val`` and ``test``.
    """
    trained = study.samples("train")
    counts = [study.samples(split) or 0 for split in held_out]
    return sum(counts) / trained if redraws_samples(study) and trained else 0.0


def points_of(frame: pd.DataFrame, keys: Sequence[str]) -> dict[str, int]:
    """How many points of the grid each replicate has."""
    distinct = frame.drop_duplicates([REPLICATE, *keys])
    return {name: int((distinct[REPLICATE] == name).sum()) for name in ordered(frame[REPLICATE])}


def balanced(
    frame: pd.DataFrame,
    keys: Sequence[str],
    key: str,
    column: str,
    needed: Sequence[int] = (),
    most: bool = False,
) -> Balanced | None:
    """The largest balanced part for the values of one parameter; None if two values have none.

    Replicates and values are chosen so that (replicates - 1) x (values - 1) x blocks is largest:
    a replicate that has only begun is left out rather than most blocks of all others, if there are
    at least two without it.

    Args:
        frame: a row per run, with the level of each parameter, :data:`REPLICATE` and ``column``.
        keys: all parameters.
        key: the one that is looked at.
        column: the measure; runs without it do not count.
        needed: levels without which there is nothing to say.
        most: for a curve, prefer all values, and of these most runs, be they of one replicate.
    """
    have = frame.dropna(subset=column)
    others = [k for k in keys if k != key]
    block = have.groupby(others).ngroup() if others else pd.Series(0, index=have.index)
    cells = have.assign(_block=block).groupby([REPLICATE, key, "_block"])[column].mean()
    if cells.empty:
        return None
    names, levels = ordered(have[REPLICATE]), sorted(have[key].unique())
    full = pd.MultiIndex.from_product([names, levels, sorted(block.unique())])
    values = cells.reindex(full).to_numpy().reshape(len(names), len(levels), -1)
    there = ~np.isnan(values)
    if not set(needed) <= set(levels):
        return None
    best, found = (0.0,) * 3, None
    for subset in _subsets(levels, needed):
        at = [levels.index(level) for level in subset]
        complete = there[:, at].all(axis=1)  # [replicate, block]
        for chosen in _replicates(complete):
            blocks = complete[chosen].all(axis=0)
            size = float((len(at) - 1) * blocks.sum())
            if not size:
                continue
            score = ((len(chosen) - 1) * size, size, float(len(chosen)))
            score = (float(len(at)), len(chosen) * size, float(len(chosen))) if most else score
            if score > best:
                part = values[np.ix_(chosen, at, np.flatnonzero(blocks))]
                best, found = score, (chosen, subset, np.flatnonzero(blocks), part)
    if found is None:
        return None
    chosen, subset, blocks, part = found
    replicates = tuple(names[i] for i in chosen)
    inside = have[REPLICATE].isin(replicates) & have[key].isin(subset)
    inside &= block.isin(np.array(sorted(block.unique()))[blocks])
    return Balanced(replicates, subset, part, have.index[inside])


def _replicates(complete: np.ndarray) -> list[list[int]]:
    """Choices of replicates: all of them, or of many those with most blocks.

    Args:
        complete: whether a replicate has a block, ``[replicate, block]``.
    """
    count = len(complete)
    if count <= MOST_CHOSEN:
        sizes = range(count, 0, -1)
        return [list(chosen) for n in sizes for chosen in combinations(range(count), n)]
    order = np.argsort(-complete.sum(axis=1), kind="stable")
    return [sorted(order[:n].tolist()) for n in range(count, 0, -1)]


def _subsets(levels: Sequence[int], needed: Sequence[int]) -> list[tuple[int, ...]]:
    """Choices of at least two levels that hold the needed ones, the largest first."""
    if len(levels) > MOST_SUBSETS:
        return [tuple(levels)]
    return [
        subset
        for size in range(len(levels), 1, -1)
        for subset in combinations(levels, size)
        if set(needed) <= set(subset)
    ]


def whole_grid(
    frame: pd.DataFrame, keys: Sequence[str], column: str
) -> tuple[tuple[str, ...], np.ndarray]:
    """Replicates that have every point, and the measure ``[replicate, level, level, ...]``."""
    have = frame.dropna(subset=column)
    levels = [sorted(frame[key].unique()) for key in keys]
    cells = have.groupby([REPLICATE, *keys])[column].mean()
    names = ordered(have[REPLICATE])
    full = pd.MultiIndex.from_product([names, *levels])
    values = cells.reindex(full).to_numpy().reshape(len(names), *map(len, levels))
    whole = ~np.isnan(values.reshape(len(names), -1)).any(axis=1)
    return tuple(n for n, w in zip(names, whole, strict=True) if w), values[whole]
