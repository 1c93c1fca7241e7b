"""Layers that own weights: recurrent LIF, leaky readout, trainable current encoder.

The mathematics is in :mod:`snn.neurons`; here live parameters and their initial values.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor, nn

from snn.checks import Count, Finite, NonNegative, Positive, checked
from snn.errors import ConfigError
from snn.kernels import LIFParameters
from snn.network.hidden import DropoutMask, HiddenLayer, LayerRun
from snn.network.initial import Dropout, Fan, normal_weight
from snn.neurons import (
    EncoderState,
    LIFDynamics,
    LIFState,
    ReadoutState,
    Timing,
    current_encoder,
    leaky_readout,
    lif,
)
from snn.neurons.declaration.neuron import Learn
from snn.neurons.lif import Recurrence
from snn.neurons.surrogate import AnySurrogate

# float32 rounds sigmoid(17) to 1. At 15 a time constant is three million steps: long enough.
_LOGIT_LIMIT = 15.0


def from_logit(logit: Tensor) -> Tensor:
    """What a learned logit stands for, in (0, 1)."""
    return torch.sigmoid(logit.clamp(-_LOGIT_LIMIT, _LOGIT_LIMIT))


@checked
class Decay(nn.Module):
    """Decay factors per step, in (0, 1), fixed or learned.

    A learned factor is stored as its logit, so that no update can push it out of (0, 1).

    Args:
        factor: the (initial) factor of all units, or one for each, ``[unit]``.
        units: number of units of the layer.
        learn: ``fixed``, or learned with one value per ``layer`` or per ``neuron``.

    Raises:
        ConfigError: a factor lies outside (0, 1), there are not as many as units, or units with
            factors of their own are to learn a common one.
    """

    factor: float | Tensor

    def __init__(self, factor: float | Tensor, units: Count, learn: Learn = "fixed") -> None:
        super().__init__()
        each = torch.as_tensor(factor, dtype=torch.float64).detach()
        outside = each[~((each > 0) & (each < 1))]
        if outside.numel():
            allowed = "between 0 and 1, both excluded"
            raise ConfigError("decay", outside.flatten()[0].item(), allowed)
        if each.ndim and each.shape != (units,):
            raise ConfigError("decay", list(each.shape), f"one number, or {units} of them")
        if each.ndim and learn == "layer":
            raise ConfigError("learn", learn, "fixed or neuron, where each neuron has its own tau")
        self.logit = None
        if learn != "fixed":
            shape = () if learn == "layer" else (units,)
            logit = torch.logit(each).expand(shape).to(torch.get_default_dtype(), copy=True)
            self.logit = nn.Parameter(logit)
        elif each.ndim:
            # It was drawn, so it belongs to the weights.
            self.register_buffer("factor", each.to(torch.get_default_dtype(), copy=True))
        else:
            self.factor = float(factor)

    def forward(self) -> Tensor | float:
        """The factor: a float if fixed and common (exact in every dtype), else a scalar or
        ``[unit]``."""
        if self.logit is None:
            return self.factor
        return from_logit(self.logit)


@checked
class RecurrentLIF(HiddenLayer):
    """Recurrent current-based LIF layer (:func:`snn.neurons.lif`).

    Args:
        nb_inputs: size of the input.
        nb_units: number of neurons.
        alpha: decay of the synaptic current per step, of all neurons or ``[unit]``.
        beta: decay of the membrane potential per step, likewise.
        dynamics: threshold, surrogate, reset and timing.
        recurrent: with recurrent weights, or feed-forward only.
        learn_alpha: see :class:`Decay`.
        learn_beta: see :class:`Decay`.
        weight_scale: standard deviation of ``weight`` times sqrt(fan).
        recurrent_weight_scale: the same of ``recurrent_weight``.
        fan: which fan divides, see :func:`normal_weight`.
        dropout: probability that a spike does not reach the layer's targets.
        dropout_mask: draw one mask per ``sample`` and hold it over time, or one per ``step``.
    """

    def __init__(
        self,
        nb_inputs: Count,
        nb_units: Count,
        alpha: float | Tensor,
        beta: float | Tensor,
        dynamics: LIFDynamics | None = None,
        *,
        recurrent: bool = True,
        learn_alpha: Learn = "fixed",
        learn_beta: Learn = "fixed",
        weight_scale: NonNegative = 0.2,
        recurrent_weight_scale: NonNegative = 0.2,
        fan: Fan = "in",
        dropout: Dropout = 0.0,
        dropout_mask: DropoutMask = "sample",
    ) -> None:
        super().__init__()
        self.nb_units = nb_units
        self.dynamics = dynamics or LIFDynamics()
        self.dropout, self.dropout_mask = dropout, dropout_mask
        self.weight = normal_weight(nb_inputs, nb_units, weight_scale, fan)
        self.recurrent_weight = (
            normal_weight(nb_units, nb_units, recurrent_weight_scale, fan) if recurrent else None
        )
        self.alpha = Decay(alpha, nb_units, learn_alpha)
        self.beta = Decay(beta, nb_units, learn_beta)

    @property
    def threshold(self) -> float:
        return self.dynamics.threshold

    @property
    def surrogate(self) -> str:
        return self.dynamics.surrogate

    @property
    def recurrence(self) -> Recurrence:
        return self.dynamics.recurrence

    def forward(
        self,
        x: Tensor,
        state: LIFState | None = None,
        mask: Tensor | None = None,
        currents: list[Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, LIFState]:
        """Spikes and potentials ``[batch, step, unit]`` and the final state; see :func:`lif`."""
        return lif(
            x,
            self.weight,
            self.recurrent_weight,
            self.alpha(),
            self.beta(),
            self.dynamics,
            state,
            mask,
            currents,
        )

    def run(self, x: Tensor, state: LIFState | None, mask: Tensor | None) -> LayerRun:
        currents: list[Tensor] = []
        own = type(self).forward is RecurrentLIF.forward and "forward" not in self.__dict__
        spikes, potentials, end = self(x, state, mask, *([currents] if own else []))
        states = {"u": potentials, "i": torch.stack(currents, 1)} if currents else {}
        return LayerRun(spikes, potentials, end, states)

    def kernel_parameters(self, mask: Tensor | None, x: Any = None) -> LIFParameters:
        return LIFParameters(
            self.weight, self.recurrent_weight, self.alpha(), self.beta(), self.dynamics, mask
        )

    def without_kernel(self, backend: str) -> str | None:
        if self.dynamics.timing == "prompt":
            return "the kernels do not know timing=prompt"
        return None

    def settings(self) -> Hashable:
        decays = (self.alpha, self.beta)
        fixed = (d.factor for d in decays if d.logit is None and isinstance(d.factor, float))
        return self.dynamics, *fixed

    def at_rest(self, batch: int) -> LIFState:
        return LIFState.rest(batch, self.nb_units, self.dynamics, self.weight.detach())


@checked
class LeakyReadout(nn.Module):
    """Non-spiking leaky readout (:func:`snn.neurons.leaky_readout`)."""

    def __init__(
        self,
        nb_inputs: Count,
        nb_classes: Count,
        alpha: float,
        beta: float,
        *,
        leak_scaled_input: bool = False,
        timing: Timing = "late",
        weight_scale: NonNegative = 0.2,
        fan: Fan = "in",
    ) -> None:
        super().__init__()
        self.leak_scaled_input, self.timing = leak_scaled_input, timing
        self.weight = normal_weight(nb_inputs, nb_classes, weight_scale, fan)
        self.alpha = Decay(alpha, nb_classes)
        self.beta = Decay(beta, nb_classes)

    def forward(
        self,
        spikes: Tensor,
        state: ReadoutState | None = None,
        currents: list[Tensor] | None = None,
    ) -> tuple[Tensor, ReadoutState]:
        """The trace ``[batch, step + 1, class]`` and the final state."""
        return leaky_readout(
            spikes,
            self.weight,
            self.alpha(),
            self.beta(),
            leak_scaled_input=self.leak_scaled_input,
            timing=self.timing,
            state=state,
            currents=currents,
        )


@checked
class CurrentEncoder(nn.Module):
    """Trainable encoding of analog signals (:func:`snn.neurons.current_encoder`).

    Gain and bias of each unit start from a standard normal, so that the copies of a channel
    cover different ranges of the signal.

    Args:
        nb_channels: number of analog channels.
        copies: encoding units per channel.
        beta: decay of the membrane potential per step.
        threshold: potential above which a unit spikes.
        scale: steepness of the surrogate derivative.
        surrogate: its shape.
    """

    def __init__(
        self,
        nb_channels: Count,
        copies: Count,
        beta: float,
        *,
        threshold: Finite = 1.0,
        scale: Positive = 100.0,
        surrogate: AnySurrogate = "fast_sigmoid",
    ) -> None:
        super().__init__()
        self.nb_channels, self.nb_units = nb_channels, nb_channels * copies
        self.threshold, self.scale, self.surrogate = threshold, scale, surrogate
        self.gain = nn.Parameter(torch.randn(self.nb_units))
        self.bias = nn.Parameter(torch.randn(self.nb_units))
        self.beta = Decay(beta, self.nb_units)

    def forward(
        self, x: Tensor, state: EncoderState | None = None
    ) -> tuple[Tensor, Tensor, EncoderState]:
        """Spikes and potentials ``[batch, step, unit]`` and the final state."""
        return current_encoder(
            x,
            self.gain,
            self.bias,
            self.beta(),
            threshold=self.threshold,
            scale=self.scale,
            surrogate=self.surrogate,
            state=state,
        )
