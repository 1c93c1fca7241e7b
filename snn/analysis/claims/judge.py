"""From the claims on one data set to what its runs say for and against each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from snn.analysis.claims import evidence as judged
from snn.analysis.claims.balance import REPLICATE, Balanced, balanced, whole_grid
from snn.analysis.claims.bench import Bench
from snn.analysis.claims.estimate import LevelMeans, over_replicates
from snn.analysis.claims.evidence import Evidence
from snn.analysis.claims.said import CLAIMS, Claim
from snn.analysis.claims.verdict import POINTS, Finding, corrected
from snn.analysis.collapse import MARGIN as OFF_CHANCE
from snn.analysis.study import Study
from snn.analysis.values import label

RATIO = 1.05  # the least ratio of run times that does
# What is said of all values of a parameter, and cannot hold for some of them.
ALL_VALUES = ("best", "same")


def verdicts(study: Study, held_out: str) -> list[Finding]:
    """Every claim on a study's data set, by each of its measures.

    Args:
        study: a grid.
        held_out: ``test`` or ``val``.
    """
    bench = Bench(study, held_out)
    claims = CLAIMS.get(study.data, ())
    return corrected([find(bench, claim, by) for claim in claims for by in claim.by])


def find(bench: Bench, claim: Claim, by: str) -> Finding:
    """One claim by one measure, not yet corrected for the number of claims."""
    start = Finding(claim, by)
    column = bench.frame[by]
    if column.isna().all():
        return replace(start, why="no run has this measure")
    if by == "seconds" and _mixed(bench.frame):
        return replace(start, why="runs of one replicate differ in machine, device or threads")
    if claim.kind in ("gains", "reaches"):
        return (_gain if claim.kind == "gains" else _reaches)(bench, start)
    if claim.key not in bench.study.keys:
        return replace(start, why="not varied")
    if claim.kind == "matters_more":
        return _matters_more(bench, start)
    return _of_values(bench, start)


def _of_values(bench: Bench, start: Finding) -> Finding:
    """A claim on the values of one parameter."""
    claim, by = start.claim, start.by
    codes = [bench.code(claim.key, value) for value in claim.named]
    missing = [v for v, code in zip(claim.named, codes, strict=True) if code is None]
    if missing:
        return replace(start, why=f"{', '.join(missing)} was not run")
    axis = bench.study.axis(claim.key)
    part, lacks = _compared(bench, claim, by, codes)
    if part is None:
        return replace(start, why="no other parameters were run with each of these values")
    start = replace(
        start,
        levels=tuple(axis.shown[level] for level in part.levels),
        replicates=len(part.replicates),
        points=part.values.shape[1] * part.values.shape[2],
        lacks=lacks,
        room=None if by == "seconds" else 1 - float(part.values.mean()),
    )
    if by != "seconds" and claim.kind != "collapses" and _guess(bench, claim.key, part.levels):
        return replace(start, why="all runs collapsed")
    means = bench.means(by, claim.key, part)
    judge = _judge(bench, claim, by, [part.levels.index(code) for code in codes], part.levels)
    if isinstance(judge, str):
        return replace(start, why=judge)
    alone = judge(replace(means, pooled=False)).p_for
    return replace(start, evidence=judge(means), p_own=alone)


def _compared(
    bench: Bench, claim: Claim, by: str, codes: Sequence[int]
) -> tuple[Balanced | None, str]:
    """The runs that a claim is judged by, and why it cannot hold by them; empty if it can."""
    select = partial(balanced, bench.frame, bench.study.keys, claim.key, by)
    part = select(_needed(claim, codes, len(bench.study.axis(claim.key).levels)))
    if claim.kind in ALL_VALUES and (part is None or len(part.replicates) == 1):
        fewer = select(codes)
        if fewer is not None and (part is None or len(fewer.replicates) > 1):
            return fewer, "not all values were run with the same other parameters"
    return part, ""


def _needed(claim: Claim, codes: Sequence[int], count: int) -> list[int]:
    """The levels without which a claim is another one: all, or both ends."""
    if claim.kind in ALL_VALUES:
        return list(range(count))
    if claim.kind in ("rises", "falls") and not codes:
        return [0, count - 1]
    return list(codes)


def _guess(bench: Bench, key: str, levels: Sequence[int]) -> bool:
    return bool(bench.frame.loc[bench.frame[key].isin(levels), "collapsed"].all())


def _mixed(frame: pd.DataFrame) -> bool:
    return bool((frame.groupby(REPLICATE)["ran_on"].nunique() > 1).any())


def _judge(
    bench: Bench, claim: Claim, by: str, at: Sequence[int], levels: Sequence[int]
) -> Callable[[LevelMeans], Evidence] | str:
    """How means of ``levels`` are held against a claim that names those at the places ``at``.

    Or why they cannot be.
    """
    margin = margin_of(by)
    if claim.kind in ("rises", "falls", "jumps"):
        return partial(_directed, claim=claim, at=at, margin=margin)
    if claim.kind == "best":
        sides = {"more": range(at[0] + 1, len(levels)), "less": range(at[0])}
        beyond = tuple(sides.get(claim.or_beyond, ()))
        if len(beyond) + 1 == len(levels):
            return "no value on the other side was run"
        return partial(judged.best, level=at[0], margin=margin, beyond=beyond)
    if claim.kind == "collapses":
        chance = bench.study.chance
        unknown = "the number of classes is unknown"
        return partial(_collapsed, at=at[0], chance=chance) if chance else unknown
    return partial({"matters": judged.differ, "same": judged.same}[claim.kind], margin=margin)


def margin_of(by: str) -> float:
    """The least effect that matters: a share of samples, or the logarithm of a ratio of times."""
    return float(np.log(RATIO)) if by == "seconds" else POINTS


def _directed(means: LevelMeans, claim: Claim, at: Sequence[int], margin: float) -> Evidence:
    weights = np.zeros(means.means.shape[1])
    if claim.kind == "jumps":
        weights[list(at)] = 1, -2, 1
    else:
        first, last = at or (0, -1)
        weights[last], weights[first] = 1, -1
    return judged.towards(means.contrast(-weights if claim.kind == "falls" else weights), margin)


def _collapsed(means: LevelMeans, at: int, chance: float) -> Evidence:
    accuracy = over_replicates(means.means[:, at], means.overlap, means.least)
    return judged.below(accuracy, chance + OFF_CHANCE * (1 - chance))


def _matters_more(bench: Bench, start: Finding) -> Finding:
    claim, keys = start.claim, bench.study.keys
    if missing := [key for key in claim.than if key not in keys]:
        return replace(start, why=f"{', '.join(missing)} not varied")
    names, grid = whole_grid(bench.of_thesis, keys, start.by)
    if not names:
        return replace(start, why="no replicate has the whole grid")
    values = judged.ranges_apart(grid, keys.index(claim.key), [keys.index(k) for k in claim.than])
    found = over_replicates(values, bench.overlap(start.by), bench.least(start.by, 1))
    return _of_grid(start, names, grid, judged.towards(found, margin_of(start.by)))


def _gain(bench: Bench, start: Finding) -> Finding:
    """Over the mean of all points that learn: collapsed ones would make any other a gain."""
    rows = _of_point(bench, start.claim)
    if rows is None:
        return replace(start, why="the combination was not run")
    names, grid = whole_grid(bench.of_thesis, bench.study.keys, start.by)
    if not names:
        return replace(start, why="no replicate has the whole grid")
    frame = bench.of_thesis[bench.of_thesis[REPLICATE].isin(names)]
    fallen = frame.groupby(bench.study.keys)["collapsed"].transform("any")
    if fallen.all():
        return replace(start, why="all runs collapsed")
    frame = frame[~fallen].groupby(REPLICATE)[start.by].mean()
    values = [rows[start.by][rows[REPLICATE] == name].mean() - frame[name] for name in names]
    found = over_replicates(values, bench.overlap(start.by), bench.least(start.by, 1))
    low, high = (points / 100 for points in start.claim.points)
    start = replace(start, room=1 - float(frame.mean()))
    return _of_grid(start, names, grid, judged.within(found, low, high))


def _reaches(bench: Bench, start: Finding) -> Finding:
    """What is quoted, or more, but for what does not matter."""
    rows = _of_point(bench, start.claim)
    if rows is None:
        return replace(start, why="the combination was not run")
    values = rows.groupby(REPLICATE)[start.by].mean().dropna()
    found = over_replicates(values, bench.overlap(start.by), bench.least(start.by, 1))
    evidence = judged.above(found, start.claim.percent / 100 - margin_of(start.by))
    counted = {"replicates": len(values), "points": 1, "p_own": evidence.p_for}
    return replace(start, evidence=evidence, **counted)


def _of_point(bench: Bench, claim: Claim) -> pd.DataFrame | None:
    """The runs of a claim's combination; None if there are none."""
    study, frame = bench.study, bench.frame
    for key, value in claim.point.items():
        if key in study.keys:
            code = bench.code(key, value)
            frame = frame[frame[key] == (-1 if code is None else code)]
        elif {label(run.config.get(key)) == value for run in study.runs} != {True}:
            return None
    return None if frame.empty else frame


def _of_grid(start: Finding, names: Sequence[str], grid: np.ndarray, found: Evidence) -> Finding:
    points = grid[0].size
    counted = {"replicates": len(names), "points": points, "p_own": found.p_for}
    return replace(start, evidence=found, **counted)
