"""Several runs in one process, one of which works at a time; they meet at each training step.

Each run has a thread, and everything of its own: module, data, trainer, callbacks, loggers,
records. A run works until it wants to take a training step, and then hands on to the next. When all
wait for their step, those that fit together are computed at once, and each goes on with what is
its own. So no two runs are ever in the midst of anything but a step, and what belongs to the
process (:mod:`snn.training.own_state`) is exchanged as the turn passes: each run finds what
it would find alone. A run that ends or fails is missing from the next step, and that is all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from snn.training.own_state import OwnState, TorchState

log = logging.getLogger(__name__)

# From what all runs wait for to results; None of those that are to go on by themselves.
Together = Callable[[Sequence[Any]], Sequence[Any]]

# A signal may be delivered to any thread, and its handler runs when the main one looks up.
LOOK_SECONDS = 0.2

_here = threading.local()


class Company:
    """Runs that share a process.

    Args:
        works: what each run does, in a thread of its own. It must not raise.
        together: computes what waits, in the order of the runs.
    """

    def __init__(self, works: Sequence[Callable[[], None]], together: Together) -> None:
        self._works, self._together = works, together
        self._turns = [threading.Event() for _ in works]
        self._alive = set(range(len(works)))
        self._wanted: dict[int, Any] = {}
        self._results: dict[int, Any] = {}
        self._stop: Callable[[], BaseException] | None = None
        self._refused = False

    @property
    def size(self) -> int:
        """How many runs have not ended."""
        return len(self._alive)

    def run(self) -> None:
        """Let all of them work to their ends, in threads that this one waits for."""
        first = OwnState.now()
        threads = [
            threading.Thread(target=self._member, args=(n, first), name=f"run {n}")
            for n in range(len(self._works))
        ]
        for thread in threads:
            thread.start()
        self._turns[0].set()
        for thread in threads:
            while thread.is_alive():
                thread.join(LOOK_SECONDS)
        first.restore()

    def stop(self, error: Callable[[], BaseException]) -> None:
        """Let each run meet this exception at its next batch; a signal handler may call this."""
        self._stop = error

    def check(self) -> None:
        """Raise what :meth:`stop` was given."""
        if self._stop is not None:
            raise self._stop()

    def meet(self, number: int, want: Callable[[], Any]) -> Any:
        """Wait until all runs want to take a step.

        Args:
            number: of the run whose thread calls this.
            want: what is to be computed; None if that is up to the run itself, which then draws
                the same random numbers again (PyTorch's).

        Returns:
            The result; None where the run is to take the step by itself.
        """
        if len(self._alive) == 1:
            self.check()
            return None
        before = TorchState.now()
        self._wanted[number] = want()
        mine = OwnState.now()
        self._hand_on(number)
        self._await_turn(number)
        mine.restore()
        result = self._results.pop(number, None)
        if result is None:
            before.restore()
        self.check()
        return result

    def _member(self, number: int, first: OwnState) -> None:
        self._await_turn(number)
        first.begin()
        _here.place = Place(self, number)
        try:
            if self._stop is None:
                self._works[number]()
        finally:
            self._alive.discard(number)
            self._hand_on(number)

    def _await_turn(self, number: int) -> None:
        self._turns[number].wait()
        self._turns[number].clear()

    def _hand_on(self, number: int) -> None:
        """Pass the turn on. Whoever has it is the only one to touch anything here."""
        if not self._alive:
            return
        order = sorted(self._alive, key=lambda n: (n <= number, n))
        working = [n for n in order if n not in self._wanted]
        if not working:
            self._compute()
            working = sorted(self._alive)
        self._turns[working[0]].set()

    def _compute(self) -> None:
        numbers = sorted(self._wanted)
        wanted = [self._wanted.pop(n) for n in numbers]
        if self._refused or self._stop is not None:
            return
        try:
            results = self._together(wanted)
        except Exception as error:  # out of memory, say: what each can do alone it may still do
            self._refused = True
            said = (str(error).splitlines() or [""])[0]
            log.warning("each run takes its steps alone: %s: %s", type(error).__name__, said)
            return
        self._results = dict(zip(numbers, results, strict=True))


class Place:
    """A run's in its company."""

    def __init__(self, company: Company, number: int) -> None:
        self.company, self.number = company, number


def beside() -> int:
    """How many runs this process has in work, with the one that asks; 1 without company."""
    place = getattr(_here, "place", None)
    return 1 if place is None else place.company.size


def meet(want: Callable[[], Any]) -> Any:
    """Wait for the others with a training step: :meth:`Company.meet`; None without company."""
    place = getattr(_here, "place", None)
    return None if place is None else place.company.meet(place.number, want)


def check() -> None:
    """Raise what the company was stopped with."""
    place = getattr(_here, "place", None)
    if place is not None:
        place.company.check()
