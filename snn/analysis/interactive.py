"""What the report's own script works on: all runs as rows of numbers, and their curves."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from snn.analysis.axes import REPEATS
from snn.analysis.figures.curves import read_curve
from snn.analysis.figures.scales import is_logarithmic
from snn.analysis.records import Records, Run
from snn.analysis.study import Study
from snn.analysis.values import label, number, shown

MOST_OF_CURVE = 60  # epochs of a curve; of longer ones, so many are shown
CURVES = {"val": "val/accuracy", "train": "train/accuracy"}
# Column of a study's frame: (title, factor, digits, whether more is better).
MEASURED = {
    "val": ("validation accuracy (%)", 100, 3, True),
    "train": ("training accuracy (%)", 100, 3, True),
    "test": ("test accuracy (%)", 100, 3, True),
    "seconds": ("training time (s)", 1, 2, False),
    "spikes": ("hidden spikes per sample", 1, 2, False),
    "synops": ("synaptic operations per sample", 1, 0, False),
    "joules": ("training energy (J)", 1, 2, False),
    "joules_per_sample": ("energy per inference (mJ)", 1e3, 4, False),
}


def app_data(
    records: Records,
    studies: Sequence[Study],
    folder: Path,
    thesis: bool = False,
    chosen: Sequence[str] = (),
) -> dict[str, Any]:
    """Columns, rows and curves of all runs.

    Args:
        records: of the sweep's directory.
        studies: of its data sets.
        folder: where the report lies; links to the runs start there.
        thesis: list test accuracies too.
        chosen: names of the runs whose curves are shown first; else the best.
    """
    columns = _columns(records, studies, thesis)
    places = {run.name: (s, i) for s in studies for i, run in enumerate(s.runs)}
    # Of several records of one task a study has the latest; the others would be counted twice.
    runs = [run for run in records.runs if run.name in places or run.state != "completed"]
    found = [(run, *places.get(run.name, (None, 0))) for run in runs]
    rows = [[_value(column, *place) for column in columns] for place in found]
    return {
        "columns": columns,
        "rows": rows,
        "names": [run.name for run in runs],
        "links": [_link(run, folder) for run in runs],
        "curves": [_curves(run) for run in runs],
        "chosen": [i for i, run in enumerate(runs) if run.name in set(chosen)],
        "metric": next((i for i, c in enumerate(columns) if c.get("ranks")), None),
    }


def _columns(records: Records, studies: Sequence[Study], thesis: bool) -> list[dict[str, Any]]:
    """What the table shows of each run; a kind is ``axis``, ``repeat``, ``measure`` or ``word``."""
    columns: list[dict[str, Any]] = []

    def add(key: str, title: str, kind: str, **more: Any) -> None:
        columns.append({"key": key, "title": title, "kind": kind, "number": False} | more)

    if len({run.data for run in records.runs}) > 1:
        add("data", "data", "word")
    if any(run.state != "completed" for run in records.runs):
        add("state", "state", "word")
    for axis in {axis.key: axis for study in studies for axis in study.axes.axes}.values():
        numeric = axis.numbers is not None
        add(axis.key, axis.short, "axis", number=numeric, log=numeric and is_logarithmic(axis))
    for key in REPEATS:
        if any(key in study.axes.repeats for study in studies):
            add(key, key.rsplit(".", 1)[-1], "repeat", number=True)
    ranked = {study.metric.key: study for study in studies}
    for key, study in ranked.items():
        if _quantity(study) is None:  # asked for, and nothing that is listed anyway
            title, better = study.metric.title + study.metric.unit, study.metric.higher_is_better
            look = {"factor": study.metric.factor, "digits": 4, "better": 1 if better else -1}
            add("value", title, "measure", number=True, ranks=key in ranked, **look)
    chosen_without = any(study.validated for study in studies) and not thesis
    shown = set(MEASURED) - ({"test"} if chosen_without else set())
    for quantity, (title, factor, digits, more) in MEASURED.items():
        known = any(study.frame[quantity].notna().any() for study in studies)
        if quantity in shown and known:
            ranks = any(_quantity(study) == quantity for study in studies)
            look = {"factor": factor, "digits": digits, "better": 1 if more else -1}
            add(quantity, title, "measure", number=True, ranks=ranks, **look)
    return columns


def _quantity(study: Study) -> str | None:
    """Which of the quantities that are listed anyway the runs are ranked by, if by one of them."""
    if study.metric.key == "fit_seconds":
        return "seconds"
    split, weights = study.metric.split, study.metric.weights
    listed = study.metric.is_accuracy and weights == study.weights and split in ("train", "val")
    return split if listed else None


def _value(column: dict[str, Any], run: Run, study: Study | None, place: int) -> Any:
    key, kind = column["key"], column["kind"]
    if key == "state":
        return run.state
    if key == "data":
        return run.data
    if kind == "measure":
        if study is None or key not in study.frame:
            return None
        value = float(study.frame[key].iloc[place]) * column["factor"]
        return round(value, column["digits"]) if math.isfinite(value) else None
    known = study.axes.values.get(key) if study is not None else None
    text = known[place] if known else label(run.config[key]) if key in run.config else None
    if text is None:
        return run.overrides.get(key)
    return number(shown(text)) if column["number"] else text


def _link(run: Run, folder: Path) -> str:
    """The run's folder as seen from the report's."""
    relative = os.path.relpath(run.path.resolve(), folder.resolve())
    return quote(Path(relative).as_posix()) + "/"


def _curves(run: Run) -> dict[str, Any] | None:
    """Accuracy in per cent after each epoch, or after some epochs of many."""
    found: dict[str, Any] = {}
    for split, column in CURVES.items():
        epochs, values = read_curve(run.path / "metrics.csv", column)
        if not epochs:
            continue
        last = len(epochs) - 1
        steps = min(len(epochs), MOST_OF_CURVE)
        kept = sorted({round(i * last / max(1, steps - 1)) for i in range(steps)})
        found[split] = [[epochs[i], round(100 * values[i], 2)] for i in kept]
    return found or None


def as_script(data: dict[str, Any]) -> str:
    """JSON that may stand inside of a ``script`` element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
