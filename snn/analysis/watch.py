"""A sweep's progress until it is over: a live picture in a terminal, else a line per change."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from snn.analysis.progress import Progress, is_at_work, planned_names, progress
from snn.analysis.records import Records, read_records

# So long with nothing in work, and nobody there to start anything, means that the sweep is over or
# was stopped. Between two points there is a gap of seconds.
IDLE_SECONDS = 60.0


def watch(
    directory: Path,
    console: Console,
    metric: str | None = None,
    total: int | None = None,
    interval: float = 5.0,
    sleep: Callable[[float], None] = time.sleep,
    seen: Callable[[Records], None] | None = None,
) -> Progress:
    """Look every ``interval`` seconds; returns when all points have ended, or nobody goes on.

    Args:
        directory: the sweep's.
        console: where to print.
        metric: what to call the best by.
        total: number of points; None: as planned by the sweeps in the directory.
        interval: seconds between looks.
        sleep: waits for so many seconds.
        seen: is called with the records after each look.

    Raises:
        RunError: there is no such directory.
    """
    live = Live(console=console, refresh_per_second=2) if console.is_terminal else None
    last, idle, records = "", 0.0, None
    with live or nullcontext():
        while True:
            records = read_records(directory, records)
            now = progress(records, metric, total or planned_names(directory))
            if seen is not None:
                seen(records)
            if live:
                live.update(picture(now, records))
            elif (line := now.line()) != last and _counts(line) != _counts(last):
                console.print(line, soft_wrap=True, markup=False, highlight=False)
                last = line
            idle = 0.0 if now.running or is_at_work(directory) else idle + interval
            if now.is_over or (idle > IDLE_SECONDS and records.runs):
                break
            sleep(interval)
    if now.left:
        console.print(f"stopped with {now.left} points left: the same command again goes on")
    for run in records.of_state("failed", "interrupted"):
        text = f"{run.state}: {run.name}  {run.error}"
        console.print(text, soft_wrap=True, markup=False, highlight=False)
    return now


def _counts(line: str) -> str:
    """What makes a new line worth printing: all but the estimate of the time left."""
    return ", ".join(part for part in line.split(", ") if not part.startswith("about "))


def picture(now: Progress, records: Records) -> Group:
    """A bar, the counts, what is running."""
    parts: list = []
    if now.total:
        parts.append(
            ProgressBar(total=now.total, completed=now.done + now.failed + now.pruned, width=60)
        )
    parts.append(Text(now.line()))
    for run in records.of_state("running")[:8]:
        parts.append(Text(f"running: {run.name} on {run.status.get('host', '?')}", style="dim"))
    for run in records.of_state("failed", "interrupted")[-3:]:
        parts.append(Text(f"{run.state}: {run.name}  {run.error}", style="red"))
    return Group(*parts)
