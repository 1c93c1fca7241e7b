"""What a network is given: its size, and whether it is what the network takes."""

from __future__ import annotations

from torch import Tensor

from snn.events import EventBatch, EventStore


def check_input(x: Tensor | EventBatch | EventStore, units: int | None) -> None:
    """Refuse what is no input of a network.

    Args:
        x: events, or ``[batch, step, unit]``.
        units: how many it takes, an encoder's channels; None: that is not known.

    Raises:
        TypeError: it is neither a tensor nor events.
        ValueError: it has another shape, or no real numbers.
    """
    wanted = "unit" if units is None else units
    if isinstance(x, Tensor):
        if x.dim() != 3 or x.is_complex() or x.shape[2] != (units or x.shape[2]):
            raise ValueError(
                f"input of shape {tuple(x.shape)} and {x.dtype}: must be real numbers "
                f"[batch, step, {wanted}]"
            )
    elif not isinstance(x, EventBatch | EventStore):
        raise TypeError(f"input must be a tensor or events, not {type(x).__name__}")
    elif x.nb_units != (units or x.nb_units):
        raise ValueError(f"events of {x.nb_units} units: must be of {units}")


def size_of(x: Tensor | EventBatch | EventStore) -> tuple[int, int]:
    """Samples and steps."""
    return (x.shape[0], x.shape[1]) if isinstance(x, Tensor) else (len(x), x.nb_steps)
