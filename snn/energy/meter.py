"""All counters of a run together: opened where they can be, read over windows."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple

from snn.energy.counter import Counter, Unreadable

log = logging.getLogger(__name__)

MOST_SECONDS = 10.0  # of a window that is prolonged until its figure can be believed
LEAST_SECONDS = 0.2


class Mark(NamedTuple):
    """A moment, and the readings then: joules by counter."""

    seconds: float
    joules: dict[str, float]


@dataclass(frozen=True)
class Reading:
    """A window.

    Attributes:
        seconds: its length.
        joules: of all counters together; None if one of them could not be read to its end, or
            changed too rarely for a figure.
        units: of work that was done in it, where those are counted.
    """

    seconds: float
    joules: float | None
    units: int = 0


class Meter:
    """The counters of a run. Where one of them measures, those that estimate are not used.

    Args:
        counters: by name.
    """

    def __init__(self, counters: Mapping[str, Counter] | None = None) -> None:
        self.counters = dict(counters or {})
        self.in_use: dict[str, Counter] = {}
        """Those that could be opened."""
        self.obstacles: dict[str, str] = {}
        """Why the others could not, or cannot be read any more."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._poller: threading.Thread | None = None

    @contextmanager
    def opened(self, gpus: Sequence[str] = ()) -> Iterator[None]:
        """Count until the context ends.

        Args:
            gpus: UUIDs of the GPUs that the process computes on.
        """
        self._open(gpus)
        try:
            yield
        finally:
            self._close()

    def _open(self, gpus: Sequence[str]) -> None:
        self.in_use, self.obstacles = {}, {}
        by_source = sorted(self.counters.items(), key=lambda item: item[1].source != "measured")
        for name, counter in by_source:
            if counter.source == "estimated" and self.source == "measured":
                self.obstacles[name] = "not needed, since others measure"
                continue
            try:
                counter.open(gpus)
                self.in_use[name] = counter
            except Unreadable as error:
                self.obstacles[name] = str(error)
        periods = [c.poll_seconds for c in self.in_use.values() if c.poll_seconds is not None]
        if periods:
            self._stop = threading.Event()
            arguments = (min(periods), self._stop)
            self._poller = threading.Thread(
                target=self._poll, args=arguments, name="energy", daemon=True
            )
            self._poller.start()

    def _close(self) -> None:
        self._stop.set()
        if self._poller is not None:
            self._poller.join()
        self._poller = None
        for counter in self.in_use.values():
            counter.close()

    def _poll(self, seconds: float, stop: threading.Event) -> None:
        while not stop.wait(seconds):
            self._read()

    @property
    def source(self) -> Literal["measured", "estimated", "none"]:
        """What the figures are."""
        return next((counter.source for counter in self.in_use.values()), "none")

    def describe(self) -> str:
        """The counters in use and what they count, in words."""
        return "; ".join(f"{name}: {c.scope}" for name, c in self.in_use.items())

    def why_not(self) -> str:
        """The other counters, and why they are not used."""
        return "; ".join(f"{name}: {reason}" for name, reason in self.obstacles.items())

    def _read(self) -> dict[str, float]:
        """Joules since they were opened, by counter; one that failed is left out from then on."""
        found = {}
        with self._lock:
            for name, counter in self.in_use.items():
                if name in self.obstacles:
                    continue
                try:
                    found[name] = counter.joules()
                except Unreadable as error:
                    log.warning("energy.%s cannot be read any more: %s", name, error)
                    self.obstacles[name] = str(error)
        return found

    def mark(self) -> Mark:
        """A moment at which a window may begin."""
        return Mark(time.monotonic(), self._read())

    def since(self, begin: Mark) -> Reading:
        """The window from a moment to now."""
        now = self._read()
        return Reading(time.monotonic() - begin.seconds, self._sum(begin.joules, now))

    def _sum(self, begin: Mapping[str, float], end: Mapping[str, float]) -> float | None:
        if not self.in_use or any(name not in begin or name not in end for name in self.in_use):
            return None
        return sum(end[name] - begin[name] for name in self.in_use)

    def repeated(self, work: Callable[[], int], most_seconds: float = MOST_SECONDS) -> Reading:
        """Repeat some work until the counters resolve what it takes.

        The window begins and ends where a reading changes, and holds as many changes as each
        counter asks for (:attr:`Counter.updates`).

        Args:
            work: returns, when it is done, of how many units it was. It is done ahead of the
                window too, once at least.
            most_seconds: when to give up.

        Returns:
            The window. Without a counter nothing is done.
        """
        if not self.in_use:
            return Reading(0.0, None)
        pace = min(counter.resolution_seconds for counter in self.in_use.values())
        deadline = time.monotonic() + most_seconds
        work()
        begin, _ = self._to_change(work, self.mark(), pace, deadline)
        mark, units = begin, 0
        changes = dict.fromkeys(self.in_use, 0)
        while not self._is_enough(changes, mark.seconds - begin.seconds):
            if mark.seconds >= deadline:
                return Reading(mark.seconds - begin.seconds, None, units)
            before = mark
            mark, done = self._to_change(work, mark, pace, deadline)
            units += done
            for name, joules in mark.joules.items():
                changes[name] += joules != before.joules.get(name)
        joules = self._sum(begin.joules, mark.joules)
        return Reading(mark.seconds - begin.seconds, joules, units)

    def _to_change(
        self, work: Callable[[], int], last: Mark, pace: float, deadline: float
    ) -> tuple[Mark, int]:
        """Work until a reading changes; the moment, and the units of work."""
        units, asked = 0, last.seconds
        while True:
            units += work()
            now = time.monotonic()
            if now - asked >= pace or now >= deadline:
                mark = self.mark()
                asked = mark.seconds
                if mark.joules != last.joules or now >= deadline:
                    return mark, units

    def _is_enough(self, changes: Mapping[str, int], seconds: float) -> bool:
        return seconds >= LEAST_SECONDS and all(
            changes[name] >= counter.updates
            for name, counter in self.in_use.items()
            if name not in self.obstacles
        )
