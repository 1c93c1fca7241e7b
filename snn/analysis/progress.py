"""How far a sweep is: counts, the best so far, the time left."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from snn.analysis.metric import Metric, choose_metric
from snn.analysis.records import Records, Run
from snn.analysis.values import number_label
from snn.errors import RunError
from snn.runs.sweep_plan import is_driven, planned_points, planned_total


@dataclass(frozen=True)
class Progress:
    """State of a sweep at one moment.

    Attributes:
        done: completed runs.
        running: runs in work.
        failed: failed and interrupted runs.
        damaged: records that could not be read.
        total: points of the sweep; None if unknown.
        best: the best completed run and what it reached, in words; empty before the first.
        seconds_left: estimate; None without a completed run or a total.
        pruned: runs that a search stopped early.
    """

    done: int
    running: int
    failed: int
    damaged: int
    total: int | None
    best: str
    seconds_left: float | None
    pruned: int = 0

    @property
    def left(self) -> int | None:
        """Points that have not begun."""
        if self.total is None:
            return None
        return max(0, self.total - self.done - self.running - self.failed - self.pruned)

    @property
    def is_over(self) -> bool:
        """Whether every point has ended."""
        return self.total is not None and self.running == 0 and self.left == 0

    def line(self) -> str:
        """Everything in one line."""
        parts = [f"{self.done} done", f"{self.running} running", f"{self.failed} failed"]
        parts += [f"{self.pruned} pruned"] if self.pruned else []
        if self.left is not None:
            parts.append(f"{self.left} left of {self.total}")
        if self.damaged:
            parts.append(f"{self.damaged} damaged")
        if self.seconds_left is not None and not self.is_over:
            parts.append(f"about {duration(self.seconds_left)} left")
        return ", ".join(parts) + (f"; best: {self.best}" if self.best else "")


def progress(
    records: Records, asked: str | None, planned: Collection[str] | int | None
) -> Progress:
    """The state that the records show.

    Args:
        records: of the sweep's directory.
        asked: the metric to call the best by; None: see :func:`choose_metric`.
        planned: names of the points, or how many they are; None if unknown.
    """
    total = planned if isinstance(planned, int | None) else len(set(planned) | _names(records))
    if total is not None and not isinstance(planned, int):
        total = max(total, planned_total(records.directory) or 0)  # a search draws as it goes
    done, running = records.of_state("completed"), records.of_state("running")
    failed = records.of_state("failed", "interrupted")
    pruned = len(records.of_state("pruned"))
    known = len(done) + len(running) + len(failed) + pruned
    return Progress(
        done=len(done),
        running=len(running),
        failed=len(failed),
        damaged=len(records.damaged),
        # An earlier, smaller command may have planned what the folder has outgrown.
        total=None if total is None else max(total, known),
        best=_best(done, asked),
        seconds_left=_time_left(done, running, known, total),
        pruned=pruned,
    )


def _names(records: Records) -> set[str]:
    return {run.name for run in records.runs}


def _best(done: Sequence[Run], asked: str | None) -> str:
    if not done:
        return ""
    try:
        metric = choose_metric(asked, done)
    except RunError:
        return ""  # not measured yet
    values = [(run.result.get(metric.key), run) for run in done]
    values = [(value, run) for value, run in values if isinstance(value, int | float)]
    if not values:
        return ""
    pick = max if metric.higher_is_better else min
    value, run = pick(values, key=lambda pair: pair[0])
    return f"{metric.title} {_shown(metric, value)} by run {run.name}{_point(run, done)}"


def _shown(metric: Metric, value: float) -> str:
    return f"{100 * value:.2f} %" if metric.is_accuracy else number_label(float(f"{value:.4g}"))


def _point(run: Run, done: Sequence[Run]) -> str:
    """The overrides in which this run differs from others."""
    varied = [
        f"{key.rsplit('.', 1)[-1]}={value}"
        for key, value in run.overrides.items()
        if any(other.overrides.get(key) != value for other in done)
    ]
    return f" ({', '.join(varied)})" if varied else ""


def _seconds(start: object, end: object) -> float | None:
    try:
        return (
            datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(start))
        ).total_seconds()
    except (ValueError, TypeError):
        return None


def _time_left(
    done: Sequence[Run], running: Sequence[Run], known: int, total: int | None
) -> float | None:
    """Median time of a run, for all that is left, over as many as run beside each other."""
    if total is None:
        return None
    times = [_seconds(run.result.get("start"), run.result.get("end")) for run in done]
    times = [time for time in times if time is not None]
    if not times:
        return None
    median = statistics.median(times)
    now = datetime.now(UTC).isoformat()
    gone = [_seconds(run.status.get("start"), now) or 0.0 for run in running]
    to_go = [max(0.0, median - seconds) for seconds in gone]
    work = sum(to_go) + max(0, total - known) * median
    return max([work / max(1, len(running)), *to_go])


def planned_names(directory: Path) -> set[str] | None:
    """Names of the runs that sweeps in a directory, or in its folders, were last asked for.

    Returns:
        Directories of runs relative to the given one; None if no sweep left a plan there.
    """
    folders = [directory, *(file.parent for file in sorted(directory.glob("*/sweep.json")))]
    plans = {folder: planned_points(folder) for folder in folders}
    if all(points is None for points in plans.values()):
        return None
    return {
        (folder / name).relative_to(directory).as_posix()
        for folder, points in plans.items()
        for name in points or ()
    }


def is_at_work(directory: Path) -> bool:
    """Whether a process is about to start points of a sweep in a directory or in its folders."""
    folders = [directory, *(file.parent for file in directory.glob("*/sweep.json"))]
    return any(is_driven(folder) for folder in folders)


def duration(seconds: float) -> str:
    """``1 h 05 min``, ``3 min 20 s`` or ``12 s``."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
