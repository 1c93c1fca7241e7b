"""A report that is written anew while its sweep runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from snn.analysis.progress import Progress
from snn.analysis.records import Records, read_records
from snn.analysis.summary import FOLDER, summarise
from snn.analysis.watch import watch
from snn.errors import RunError

EVERY = 20.0  # seconds between two loads of the page; it is not written more often


class LivePage:
    """The page of a sweep, written when a run has begun or ended.

    Args:
        metric: what to rank by.
        clock: seconds since some moment.
    """

    def __init__(
        self, metric: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.metric, self.clock = metric, clock
        self._shown: dict[str, tuple] | None = None
        self._written = -EVERY

    def look(self, records: Records) -> bool:
        """Write the page if something has changed and it is time; returns whether it was."""
        states = {run.name: (run.state, run.stamp) for run in records.runs}
        if not states or states == self._shown or self.clock() - self._written < EVERY:
            return False
        summarise(records, self.metric, quick=True, refresh=EVERY)
        self._shown, self._written = states, self.clock()
        return True


def watch_with_page(
    directory: Path,
    console: Console,
    metric: str | None = None,
    total: int | None = None,
    interval: float = 5.0,
) -> Progress:
    """Watch a sweep, see :func:`watch`, and keep its report fresh; at the end it is whole.

    Raises:
        RunError: there is no such directory, or it cannot be written to.
    """
    page, whole = LivePage(metric), False
    where = directory / FOLDER / "report.html"
    console.print(f"Report: {where}", soft_wrap=True, markup=False, highlight=False)
    try:
        now = watch(directory, console, metric, total, interval, seen=page.look)
        summarise(read_records(directory), metric)
        whole = True
        return now
    finally:
        if not whole:
            _stop_loading(directory, metric)


def _stop_loading(directory: Path, metric: str | None) -> None:
    """Nobody writes the page any more: it should not go on loading itself."""
    try:
        summarise(read_records(directory), metric, quick=True)
    except RunError:
        return  # there is no page
