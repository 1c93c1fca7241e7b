"""Delays that a layer owns: on the way into it, and of its recurrent connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from snn.checks import Count, NonNegative, Positive, checked
from snn.errors import ConfigError
from snn.neurons.delays import rounded_taps, triangular_taps

Limits = Annotated[list[NonNegative], Field(min_length=2, max_length=2)]


@checked(prefix="model.delays")
@dataclass(frozen=True)
class DelayOptions:
    """Which connections of a layer have delays, and how they are learned.

    Attributes:
        recurrent: limits in steps between which each neuron draws the delay of its spikes to its
            own layer, beyond the one step that they take anyway; None: no delay.
        input: the same of each input's spikes on their way into the layer.
        most: the longest delay in steps.
        learn: ``fixed``, or learned for each presynaptic ``neuron``.
        width: of a delay's triangle at the start of training, in steps beside its middle; it
            shrinks by 5 % for every hundredth of the epochs, and evaluation rounds delays.
        scale: what is learned is the delay divided by this, so that a step of the optimizer moves
            a delay by so many times the learning rate.
    """

    recurrent: Limits | None = None
    input: Limits | None = None
    most: Count = 30
    learn: Literal["fixed", "neuron"] = "neuron"
    width: NonNegative = 10.0
    scale: Positive = 10.0

    def __post_init__(self) -> None:
        for name in ("recurrent", "input"):
            limits = getattr(self, name)
            if limits is not None and not limits[0] <= limits[1] <= self.most:
                allowed = f"[low, high] with 0 <= low <= high <= most, {self.most}"
                raise ConfigError(f"model.delays.{name}", limits, allowed)

    @property
    def some(self) -> bool:
        """Whether there are any."""
        return self.recurrent is not None or self.input is not None

    def make(self, kind: Literal["recurrent", "input"], units: int) -> Delays | None:
        """Those of one kind of connections, from ``units`` neurons; None if they have none."""
        limits = getattr(self, kind)
        return (
            None if limits is None else Delays(self, limits, units, 1 if kind == "recurrent" else 0)
        )


class Delays(nn.Module):
    """The delays of some neurons' spikes.

    Args:
        options: how they are learned.
        limits: between which they are drawn, in steps.
        units: number of neurons.
        first: steps that a spike takes without a delay.
    """

    def __init__(self, options: DelayOptions, limits: list[float], units: int, first: int) -> None:
        super().__init__()
        self.options, self.first = options, first
        self.extra = options.width
        low, high = limits
        raw = (low + (high - low) * torch.rand(units)) / options.scale
        if options.learn == "neuron":
            self.raw = nn.Parameter(raw)
        else:
            self.register_buffer("raw", raw)

    @property
    def delay(self) -> Tensor:
        """In steps, ``[unit]``."""
        return self.raw * self.options.scale

    def set_progress(self, share: float) -> None:
        """How much of the training is over, 0 to 1: the triangles are as wide as then."""
        self.extra = self.options.width * 0.95 ** (100.0 * share)

    def forward(self) -> Tensor:
        """Weights of a spike in the steps after it, ``[tap, unit]``."""
        if not self.training or self.options.learn == "fixed":
            return rounded_taps(self.delay, self.options.most + 1)
        count = self.options.most + 1 + int(self.extra)
        return triangular_taps(self.delay, 1.0 + self.extra, count, self.first)

    @torch.no_grad()
    def keep_in_range(self) -> None:
        """After a step of the optimizer."""
        if isinstance(self.raw, nn.Parameter):
            self.raw.clamp_(0.0, self.options.most / self.options.scale)
