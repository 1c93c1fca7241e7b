"""A grid of six runs whose tables were worked out by hand."""

from __future__ import annotations

from pathlib import Path

from snn.analysis.records import read_records
from snn.analysis.study import make_study

HIDDEN, SCALE, RATE = "model.nb_hidden", "model.scale", "model.regularizer"
GRID = {HIDDEN: [20, 40, 60], SCALE: [10, 100]}
VAL = {(20, 10): 0.50, (20, 100): 0.60, (40, 10): 0.70, (40, 100): 0.66, (60, 10): 0.62}
VAL[60, 100] = 0.64


def by_hand(point: dict) -> dict:
    val = VAL[point[HIDDEN], point[SCALE]]
    return {"val": val, "train": val + 0.1, "test": val - 0.1, "seconds": point[HIDDEN] / 2}


def study_of(directory: Path, metric: str | None = None):
    return make_study("randman", read_records(directory).of_state("completed"), metric)


def row(table, *start: str) -> list[str]:
    return next(list(r) for r in table.rows if tuple(r[: len(start)]) == start)
