"""The completed runs of one data set as a table of runs and a table of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from snn.analysis.axes import Axes, Axis, find_axes
from snn.analysis.costs import (
    number_of,
    operations,
    spikes,
    synaptic_operations,
    training_joules,
)
from snn.analysis.metric import Metric, choose_metric
from snn.analysis.records import Records, Run
from snn.analysis.searched import beyond_limits, metric_of, space_of
from snn.energy.operations import operations_joules
from snn.runs.search_plan import SearchPlan, searches

# What is shown of each run, beside the metric it is ranked by.
QUANTITIES = (
    *("train", "val", "test", "seconds", "spikes", "synops"),
    *("joules", "joules_per_sample", "macs", "acs", "arithmetic"),
)


@dataclass
class Study:
    """All that the summary of one data set starts from.

    Attributes:
        data: name of the data set.
        runs: completed runs, each task once.
        axes: the varied keys.
        metric: the number to rank by.
        weights: the weights whose accuracies are shown: ``best`` or ``final``.
        frame: a row per run: a column per axis with the position of its value among the axis's
            levels, ``metric`` (larger is better, whatever its sign was: see ``value``), ``tie``
            (what decides between equal ones, larger is better too), ``value``, and
            :data:`QUANTITIES` (accuracies 0..1, seconds of training, hidden spikes and synaptic
            operations per sample, joules of training and of an inference, MACs and ACs per sample,
            and the joules that these are estimated to take).
        points: the same per point of the grid, averaged over seeds, best first; with ``n`` runs,
            and ``<quantity>_sd``, the standard deviation over seeds (n - 1).
        notes: what a reader should know before believing the rest.
        plan: of the search that drew the points; None of a grid.
    """

    data: str
    runs: list[Run]
    axes: Axes
    metric: Metric
    weights: str
    frame: pd.DataFrame
    points: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    plan: SearchPlan | None = None

    @property
    def keys(self) -> list[str]:
        return [axis.key for axis in self.axes.axes]

    def levels(self, point: pd.Series) -> list[str]:
        """The axes' values, for reading, of a row of ``frame`` or ``points``."""
        return [axis.shown[int(point[axis.key])] for axis in self.axes.axes]

    def describe(self, point: pd.Series) -> str:
        """The same in one line: ``nb_hidden=100, scale=10``."""
        named = zip(self.axes.axes, self.levels(point), strict=True)
        return ", ".join(f"{axis.short}={level}" for axis, level in named) or "the only point"

    def axis(self, key: str) -> Axis:
        return next(axis for axis in self.axes.axes if axis.key == key)

    @property
    def has_repeats(self) -> bool:
        return bool((self.points["n"] > 1).any())

    @property
    def spreads(self) -> bool:
        """Whether any value of any axis was run more than once, so that a spread is known."""
        return any((self.frame[key].value_counts() > 1).any() for key in self.keys)

    @property
    def validated(self) -> bool:
        """Whether any run has a validation part, so that nothing else need be chosen by."""
        return bool(self.frame["val"].notna().any())

    @property
    def tested(self) -> bool:
        """Whether any run measured the test part."""
        return bool(self.frame["test"].notna().any())

    @property
    def is_full_factorial(self) -> bool:
        """Whether every combination of few levels has the same number of runs with a metric."""
        ranked = self.frame.dropna(subset="metric")
        cells = int(np.prod([len(axis.levels) for axis in self.axes.axes]))
        if not self.keys or ranked.empty or any(axis.is_search for axis in self.axes.axes):
            return False
        counts = ranked.groupby(self.keys).size()
        return len(counts) == cells and counts.nunique() == 1

    @property
    def is_search(self) -> bool:
        """Whether points were drawn, so that means over all other parameters say little."""
        searched = self.plan is not None or any(axis.is_search for axis in self.axes.axes)
        return bool(self.keys) and searched and not self.is_full_factorial

    def samples(self, split: str) -> int | None:
        """Number of samples of a split, if all runs had the same."""
        counts = {run.result.get(f"data.{split}_samples") for run in self.runs}
        count = counts.pop() if len(counts) == 1 else None
        return count if isinstance(count, int) and count > 0 else None

    @property
    def chance(self) -> float | None:
        """Accuracy of guessing among equally frequent classes."""
        classes = {run.result.get("data.nb_classes") for run in self.runs}
        count = classes.pop() if len(classes) == 1 else None
        return 1.0 / count if isinstance(count, int) and count > 0 else None


def studies(records: Records, asked: str | None) -> list[Study]:
    """One study per data set, in alphabetical order."""
    completed = records.of_state("completed")
    names = sorted({run.data for run in completed})
    plans = searches(records.directory)
    return [
        make_study(n, [run for run in completed if run.data == n], asked, plans=plans)
        for n in names
    ]


def make_study(
    data: str,
    runs: Sequence[Run],
    asked: str | None = None,
    distinct: bool = True,
    plans: Sequence[SearchPlan] = (),
) -> Study:
    """Put the completed runs of one data set in order.

    Args:
        data: its name.
        runs: completed ones.
        asked: the metric to rank by.
        distinct: of several records of one task, take the latest.
        plans: of the searches that drew them, the latest last.
    """
    kept, notes = _distinct(runs) if distinct else (list(runs), [])
    plan = plans[-1] if plans else None
    metric = choose_metric(asked or metric_of(plan, kept), kept)
    weights = metric.weights or _weights(kept)
    axes = find_axes(kept, space_of(plans))
    frame = _frame(kept, axes, metric, weights)
    if plan is not None:
        beyond, said = beyond_limits(plan, kept)
        frame.loc[beyond, "metric"] = np.nan  # listed, and not ranked
        notes += said
    study = Study(data, kept, axes, metric, weights, frame, _points(frame, axes), notes, plan)
    study.notes += _warnings(study)
    return study


def _distinct(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Each task once: of several records of one, the latest; and a note that says so."""
    latest: dict[str, Run] = {}
    doubles = []
    for run in runs:
        key = str(run.result.get("config_hash") or run.name)
        other = latest.get(key)
        if other is None:
            latest[key] = run
            continue
        older, newer = sorted((other, run), key=lambda r: str(r.result.get("end")))
        latest[key] = newer
        doubles.append(older.name)
    if not doubles:
        return list(latest.values()), []
    some = ", ".join(doubles[:5]) + (", ..." if len(doubles) > 5 else "")
    return list(latest.values()), [
        f"{len(doubles)} records are of a task that another, later record holds as well; "
        f"they are left out: {some}."
    ]


def _weights(runs: Sequence[Run]) -> str:
    having = sum(run.result.get("metrics.best.val.accuracy") is not None for run in runs)
    return "best" if 2 * having >= len(runs) and having else "final"


def _frame(runs: Sequence[Run], axes: Axes, metric: Metric, weights: str) -> pd.DataFrame:
    columns: dict[str, list] = {
        axis.key: [axis.levels.index(value) for value in axes.values[axis.key]]
        for axis in axes.axes
    }
    columns["value"] = [number_of(run.result.get(metric.key)) for run in runs]
    for split in ("train", "val", "test"):
        key = f"metrics.{weights}.{split}.accuracy"
        columns[split] = [number_of(run.result.get(key)) for run in runs]
    columns["seconds"] = [number_of(run.result.get("fit_seconds")) for run in runs]
    columns["spikes"] = [spikes(run, weights) for run in runs]
    columns["synops"] = [synaptic_operations(run, weights) for run in runs]
    columns["joules"] = [training_joules(run) for run in runs]
    each = "energy.inference.joules_per_sample"
    columns["joules_per_sample"] = [number_of(run.result.get(each)) for run in runs]
    for kind in ("macs", "acs"):
        columns[kind] = [operations(run, weights, kind) for run in runs]
    columns["arithmetic"] = list(map(operations_joules, columns["macs"], columns["acs"]))
    frame = pd.DataFrame(columns)
    frame["metric"] = frame["value"] if metric.higher_is_better else -frame["value"]
    ties = [number_of(run.result.get(metric.tie_breaker or "")) for run in runs]
    frame["tie"] = -pd.Series(ties, index=frame.index, dtype=float)
    drawn = {key.rsplit(".", 1)[-1]: column for key, column in axes.repeats.items()}
    frame["repeat"] = [
        ", ".join(f"{name}={column[i]}" for name, column in drawn.items()) for i in range(len(runs))
    ]
    return frame


def _points(frame: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    keys = [axis.key for axis in axes.axes]
    measured = ["metric", "tie", "value", *QUANTITIES]
    grouped = frame.groupby(keys, sort=True) if keys else frame.groupby(lambda _: 0)
    points = grouped[measured].mean()
    points["n"] = grouped["metric"].count()
    for name in measured:
        points[f"{name}_sd"] = grouped[name].std()
    # Ties go to the lower loss, then to the quicker run, then to the order of the grid: the same
    # file gives the same list.
    points = points.reset_index(drop=not keys)
    return points.sort_values(
        ["metric", "tie", "seconds"],
        ascending=[False, False, True],
        na_position="last",
        kind="stable",
    ).reset_index(drop=True)


def _warnings(study: Study) -> list[str]:
    notes = []
    metric, missing = study.metric, int(study.frame["value"].isna().sum())
    if metric.split == "train":
        notes.append(
            "No validation part: points are ranked by training accuracy, as the thesis did. That "
            "favours over-fitting; data.val_fraction=0.1 would hold a part back to choose by."
        )
    elif metric.split in ("test", "test_unheard"):
        notes.append(
            "Ranked on test data, as asked: the best test accuracy of many points is too "
            "high an estimate for new data."
        )
    if missing:
        notes.append(
            f"{missing} of {len(study.frame)} completed runs have no {metric.title} (not finite, "
            "or no such part); they are listed, not ranked."
        )
    if not study.tested:
        notes.append(
            "No run measured the test part (test=false). To measure it once, of the chosen point, "
            "repeat each of its seeds' commands with hydra.run.dir=RUN ckpt_path=last test=true: "
            "finished runs are not trained again."
        )
    devices = sorted({str(run.result.get("device")) for run in study.runs})
    if len(devices) > 1:
        notes.append(f"Run times are of different devices: {', '.join(devices)}.")
    if shared := sum("shared.fit_seconds" in run.result for run in study.runs):
        notes.append(
            f"{shared} of {len(study.runs)} runs shared a process with others (sweep.together): "
            "their times and energies of training are not their own, and are left out."
        )
    if drawn := [key for key in study.axes.repeats if key != "seed"]:
        notes.append(f"Runs that differ in {', '.join(drawn)} alone count as repeats, like seeds.")
    if uneven := _uneven(study):
        notes.append(uneven)
    if study.axes.following:
        notes.append(
            "These keys vary as well, but only together with the axes: "
            f"{', '.join(study.axes.following)}."
        )
    return notes


def _uneven(study: Study) -> str:
    """That points were not repeated alike, so that their order may change; empty if they were."""
    counts = study.points["n"]
    if not study.keys or study.plan is not None or counts.nunique() < 2:
        return ""
    return (
        f"Points were run {int(counts.min())} to {int(counts.max())} times: the means by which "
        "they are ranked are of different seeds or splits, and not strictly comparable. Means of "
        "each value, and verdicts, compare like with like."
    )
