"""What a counter of energy is."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Literal

Source = Literal["measured", "estimated"]


class Unreadable(Exception):
    """A counter that cannot be read here; the message says why. No user's error: runs go on."""


class Counter(abc.ABC):
    """Counts energy from the moment it is opened.

    Attributes:
        source: ``measured`` by hardware, or ``estimated`` by a model of it.
        scope: what it counts, in words; known when it is open.
        poll_seconds: how often it must be read lest something be lost; None: never.
        resolution_seconds: about how often its reading changes.
        updates: changes of its reading that a window must hold before its figure is believed. A
            window of n changes is wrong by 1/n at most.
    """

    source: Source = "measured"
    scope: str = ""
    poll_seconds: float | None = None
    resolution_seconds: float = 0.001
    updates: int = 20

    @abc.abstractmethod
    def open(self, gpus: Sequence[str]) -> None:
        """Begin to count.

        Args:
            gpus: UUIDs of the GPUs that the process computes on; none: it computes on the CPU.

        Raises:
            Unreadable: it cannot be read here.
        """

    @abc.abstractmethod
    def joules(self) -> float:
        """Energy since it was opened, in joules; never falls.

        Raises:
            Unreadable: it cannot be read any more.
        """

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Give back what it holds."""
