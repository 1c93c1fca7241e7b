"""What is fixed about a LIF layer when its kernels run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from snn.kernels.parameters import Constant
from snn.neurons import LIFDynamics


@dataclass(frozen=True)
class LIFSpec:
    """Of one call; hashable, so that it can name what was prepared for such calls.

    Attributes:
        dynamics: threshold, surrogate, reset and timing.
        keep: the backward pass will need the potentials.
        keep_current: it will also need the synaptic currents: for the gradients of the constants
            or of a reset to zero.
        others: of further models that are computed in the same launch; they differ from the first
            one's in their numbers alone.
    """

    dynamics: LIFDynamics
    keep: bool
    keep_current: bool
    others: tuple[LIFDynamics, ...] = ()

    @property
    def constants(self) -> Scalars:
        """Threshold, surrogate scale and initial potential; a row for each of several models."""
        rows = tuple(
            (d.threshold, d.scale, d.initial_potential) for d in (self.dynamics, *self.others)
        )
        return rows if self.others else rows[0]


@cache  # never given back: graphs read them
def _filled(value: float, units: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.full((units,), value, dtype=dtype, device=device)


def per_unit(value: Constant, units: int, like: Tensor) -> Tensor:
    """A decay or gain as ``[unit]``; one that is a number is not copied to the device again."""
    if isinstance(value, Tensor):
        return value.to(like.dtype).expand(units)
    return _filled(float(value), units, like.dtype, like.device)


Scalars = tuple[float, ...] | tuple[tuple[float, ...], ...]


@cache  # never given back: graphs read them
def _scalars(values: Scalars, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device)


def scalars(values: Scalars, like: Tensor) -> Tensor:
    """Numbers for a kernel in its own precision, where an argument would be float32."""
    return _scalars(values, like.dtype, like.device)
