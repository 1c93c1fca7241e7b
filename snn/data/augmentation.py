"""What a change to training samples is: a function of a batch and of a source of chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from snn.events.encoding import Events

Probability = Annotated[float, Field(ge=0, lt=1)]


class Size(NamedTuple):
    """Extent of a batch of events."""

    samples: int
    steps: int
    units: int


class Augmentation:
    """One kind of change; a class defines it for events, for signals, or for both."""

    name: str
    """As in the configuration: ``augment.<name>``."""

    def events(self, events: Events, size: Size, rng: np.random.Generator) -> Events:
        """Changed events.

        Args:
            events: int32 arrays.
            size: of the batch.
            rng: source of all chance.

        Returns:
            Arrays of any integer dtype, in any order. Steps and units may lie outside of ``size``;
            such events are left out. Samples may not.
        """
        raise NotImplementedError

    def signals(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Changed signals ``[sample, step, channel]``, in a new array of that shape and dtype."""
        raise NotImplementedError

    def on_grid(self, grid: Sequence[int] | None) -> Augmentation:
        """Itself, told how a data set's units lie beside each other, where it matters.

        Args:
            grid: extents, row by row; None: a line.
        """
        return self

    def check_units(self, nb_units: int) -> None:
        """Asked before training; most changes are fine with any number of units.

        Raises:
            ConfigError: not with this one.
        """

    @classmethod
    def works_on(cls, analog: bool) -> bool:
        """Whether it is defined for analog signals, or for events."""
        method = "signals" if analog else "events"
        return getattr(cls, method) is not getattr(Augmentation, method)


def kept(events: Events, keep: np.ndarray) -> Events:
    """The events where ``keep``, boolean ``[nb_events]``, is true."""
    index = np.flatnonzero(keep)
    return Events(*(ids[index] for ids in events))
