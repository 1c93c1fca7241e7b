"""Brings all points of a sweep to their end, whatever happens to some of them."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from snn.errors import RunError, SnnError
from snn.runs.state import Found, State, look
from snn.runs.status import recorded
from snn.runs.sweep_plan import DRIVER, write_plan
from snn.sweeps.launch import PointStopped
from snn.sweeps.points import Point

log = logging.getLogger(__name__)

# A point that was stopped (a signal, its launcher's job killed, its node lost) or had no turn is
# started once more. One whose own process alone was killed has failed, and its record says so.
STARTS = 2
LOOK_SECONDS = 2.0
REPLACED = ".replaced"

# Returns what each point's job ended with, None if with nothing amiss.
Launch = Callable[[Sequence[Point]], Sequence[Exception | None]]


class Sweep:
    """The points of one command in one directory.

    Args:
        points: checked, each in its directory.
        directory: the sweep's.
        launch: starts points and returns when they have ended. It may raise, and start only some.
        jobs: how many of them run beside each other on this machine; None if they run elsewhere.
        groups: points that are started at once although they run one by one: they share a process.
    """

    def __init__(
        self,
        points: Sequence[Point],
        directory: Path,
        launch: Launch,
        *,
        jobs: int | None,
        groups: Callable[[Sequence[Point]], Sequence[Sequence[Point]]] | None = None,
    ) -> None:
        self.points, self.directory = points, directory
        self.launch, self.jobs = launch, jobs
        self.groups = groups or (lambda points: [[point] for point in points])
        # What the launcher raises then belongs to one point.
        self.one_by_one = jobs == 1
        self.starts: Counter[str] = Counter()
        self.errors: dict[str, str] = {}
        self.busy: set[str] = set()

    def look(self) -> dict[Point, Found]:
        """How far each point is."""
        return {point: self._found(point) for point in self.points}

    def _found(self, point: Point) -> Found:
        try:
            return look(point.run, point.config)
        except OSError as error:
            return Found(State.REFUSED, f"{point.run.path}: cannot be read ({error})")

    def run(self) -> dict[Point, Found]:
        """Start what is not completed until nothing is left to start; the last states.

        Raises:
            RunError: the sweep's directory cannot be used.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{self.directory}: cannot be used for a sweep ({error})") from None
        begun = False
        try:
            with recorded(self.directory / DRIVER, {}):
                write_plan(self.directory, ((p.name, p.overrides) for p in self.points), sys.argv)
                begun = True
                self.finish()
        except RunError as error:
            if not begun:
                raise
            # The points have their own records; these must not be lost for the sweep's.
            log.warning("%s", error)
        return self.look()

    def finish(self) -> None:
        """Start what is not completed until nothing is left to start, and wait for it."""
        waiting = False
        while True:
            found = self.look()
            todo = [point for point in self.points if self._is_to_start(point, found[point])]
            if todo:
                waiting = False
                # Whoever holds them has not recorded that yet, or moves them aside.
                todo.sort(key=lambda point: point.name in self.busy)
                if todo[0].name in self.busy:
                    time.sleep(LOOK_SECONDS)
                self._start(self.groups(todo)[0] if self.one_by_one else todo)
                continue
            others = [p for p in self.points if found[p].state is State.RUNNING]
            if not others:
                return
            if not waiting:
                log.info("waiting for %d points that other processes train", len(others))
                waiting = True
            time.sleep(LOOK_SECONDS)

    def _is_to_start(self, point: Point, found: Found) -> bool:
        if found.state in (State.COMPLETED, State.RUNNING, State.REFUSED):
            return False
        starts = self.starts[point.name]
        if found.state in (State.INTERRUPTED, State.NEW):
            return starts < STARTS  # a new one may have had no turn when the launcher stopped
        # An untested one; or one that failed, or was stopped by a search, under an earlier command.
        return starts == 0

    def _start(self, points: Sequence[Point]) -> None:
        usable = []
        for point in points:
            self.starts[point.name] += 1
            try:
                # Hydra writes there before the run does, and stops all points if it cannot.
                point.run.path.mkdir(parents=True, exist_ok=True)
                point.run.check_usable()
                usable.append(point)
            except (OSError, SnnError) as error:
                self.errors[point.name] = str(error)
                log.error("%s: %s", point.name, error)
        if not usable:
            return
        try:
            errors = self.launch(usable)
        except Exception as error:
            log.error("the launcher stopped: %s", _reason(error))
            for point in usable:
                self.errors[point.name] = _reason(error)
            # A point that takes the launcher down with it must not do so to others twice. Elsewhere
            # the queue keeps them apart.
            self.one_by_one = self.jobs is not None
            self.groups = lambda points: [[point] for point in points]
            return
        for point, error in zip(usable, errors, strict=False):
            self.busy.discard(point.name)
            if getattr(error, "busy", False):
                self.busy.add(point.name)
                self.starts[point.name] -= 1
            elif error is not None:
                self.errors[point.name] = _reason(error)

    def failures(self, found: dict[Point, Found]) -> dict[Point, Found]:
        """The points that are not completed, each with the best reason known."""
        failures = {}
        for point, f in found.items():
            reasons = [f.reason, self.errors.get(point.name, "")]
            if f.state is State.UNTESTED:  # whose reason says why it was started, not why it failed
                reasons.reverse()
            if f.state is not State.COMPLETED:
                failures[point] = Found(f.state, reasons[0] or reasons[1])
        return failures


def _reason(error: Exception) -> str:
    kind = "" if isinstance(error, PointStopped) else f"{type(error).__name__}: "
    return f"{kind}{error}".strip().splitlines()[0]


def set_aside(point: Point, directory: Path) -> Path:
    """Move a point's directory out of the way; where it lies now.

    Raises:
        BusyError: another process trains there.
        RunError: it cannot be moved.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    target = directory / REPLACED / f"{point.name}_{stamp}"
    with point.run.owned():
        try:
            target.parent.mkdir(exist_ok=True)
            shutil.move(point.run.path, target)
        except OSError as error:
            raise RunError(f"{point.run.path}: cannot be moved aside ({error})") from None
    return target


def redo_points(
    redo: bool | str, found: Mapping[Point, Found], directory: Path
) -> dict[Point, Found]:
    """Move aside what the user wants to have trained anew; say what will be left alone.

    Returns:
        What could not be moved, and why.
    """
    kept = {}
    for point, f in found.items():
        if (redo == "all" and f.state is not State.NEW) or (redo and f.state is State.REFUSED):
            try:
                log.info("%s: moved to %s", point.name, set_aside(point, directory))
            except SnnError as error:
                log.error("%s", error)
                kept[point] = Found(State.REFUSED, str(error))
        elif f.state is State.REFUSED:
            log.warning("%s is left alone: %s", point.name, f.reason)
    return kept
