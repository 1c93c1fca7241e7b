"""From the claims on one data set to what its runs say for and against each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from snn.analysis.claims import evidence as judged
from snn.analysis.claims.balance import REPLICATE, balanced, whole_grid
from snn.analysis.claims.bench import Bench
from snn.analysis.claims.estimate import LevelMeans, over_replicates
from snn.analysis.claims.evidence import Evidence
from snn.analysis.claims.said import CLAIMS, Claim
from snn.analysis.claims.verdict import Finding, corrected
from snn.analysis.collapse import MARGIN as OFF_CHANCE
from snn.analysis.study import Study
from snn.analysis.values import label

POINTS = 0.005  # the least difference in accuracy that matters: half a percentage point
RATIO = 1.05  # the least ratio of run times that does


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
    if claim.kind == "gains":
        return _gain(bench, start)
    if claim.key not in bench.study.keys:
        return replace(start, why="not varied")
    if claim.kind == "matters_more":
        return _matters_more(bench, start)
    codes = [bench.code(claim.key, value) for value in claim.named]
    missing = [v for v, code in zip(claim.named, codes, strict=True) if code is None]
    if missing:
        return replace(start, why=f"{', '.join(missing)} was not run")
    part = balanced(bench.frame, bench.study.keys, claim.key, by, [c for c in codes if c >= 0])
    if part is None:
        return replace(start, why="no other parameters were run with each of these values")
    shown = bench.study.axis(claim.key).shown
    start = replace(
        start,
        levels=tuple(shown[level] for level in part.levels),
        replicates=len(part.replicates),
        points=part.values.shape[1] * part.values.shape[2],
    )
    means = bench.means(by, claim.key, part)
    judge = _judge(bench, claim, by, [part.levels.index(code) for code in codes])
    if judge is None:
        return replace(start, why="the number of classes is unknown")
    alone = judge(replace(means, pooled=False)).p_for
    return replace(start, evidence=judge(means), p_own=alone)


def _mixed(frame: pd.DataFrame) -> bool:
    return bool((frame.groupby(REPLICATE)["ran_on"].nunique() > 1).any())


def _judge(
    bench: Bench, claim: Claim, by: str, at: Sequence[int]
) -> Callable[[LevelMeans], Evidence] | None:
    """How means of the levels are held against a claim that names the levels ``at``."""
    margin = margin_of(by)
    if claim.kind in ("rises", "falls", "jumps"):
        return partial(_directed, claim=claim, at=at, margin=margin)
    if claim.kind == "best":
        return partial(judged.best, level=at[0], margin=margin)
    if claim.kind == "collapses":
        return partial(_collapsed, at=at[0], chance=c) if (c := bench.study.chance) else None
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
    names, grid = whole_grid(bench.frame, keys, start.by)
    if not names:
        return replace(start, why="no replicate has the whole grid")
    values = judged.ranges_apart(grid, keys.index(claim.key), [keys.index(k) for k in claim.than])
    found = over_replicates(values, bench.overlap, bench.least(start.by, 1))
    return _of_grid(start, names, grid, judged.towards(found, margin_of(start.by)))


def _gain(bench: Bench, start: Finding) -> Finding:
    study, claim = bench.study, start.claim
    place: list[int | slice] = [slice(None)] * (1 + len(study.keys))
    for key, value in claim.point.items():
        if key not in study.keys:
            run = {label(run.config.get(key)) == value for run in study.runs}
            code = 0 if run == {True} else None
        else:
            code = bench.code(key, value)
        if code is None:
            return replace(start, why="the combination was not run")
        if key in study.keys:
            place[1 + study.keys.index(key)] = code
    names, grid = whole_grid(bench.frame, study.keys, start.by)
    if not names:
        return replace(start, why="no replicate has the whole grid")
    flat = grid.reshape(len(names), -1)
    values = grid[tuple(place)].reshape(len(names), -1).mean(axis=1) - flat.mean(axis=1)
    found = over_replicates(values, bench.overlap, bench.least(start.by, 1))
    low, high = (points / 100 for points in claim.points)
    return _of_grid(start, names, grid, judged.within(found, low, high))


def _of_grid(start: Finding, names: Sequence[str], grid: np.ndarray, found: Evidence) -> Finding:
    points = grid[0].size
    counted = {"replicates": len(names), "points": points, "p_own": found.p_for}
    return replace(start, evidence=found, **counted)
