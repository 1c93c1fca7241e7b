"""What the kernels are called with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from snn.events import EventBatch, EventStore
from snn.neurons import CubaLIF, LIFDynamics, Neuron
from snn.neurons.declaration.evaluate import rows
from snn.neurons.declaration.program import Program, program
from snn.neurons.lif import Recurrence

Input = Tensor | EventBatch | EventStore
Constant = Tensor | float


class LIFParameters(NamedTuple):
    """A hidden layer as :func:`snn.neurons.lif` takes it."""

    weight: Tensor
    """``[input, unit]``."""
    recurrent_weight: Tensor | None
    """``[unit, unit]``; None for a feed-forward layer."""
    alpha: Constant
    beta: Constant
    """Decays per step, scalar or ``[unit]``; tensors may have a gradient."""
    dynamics: LIFDynamics
    mask: Tensor | None = None
    """Factors on the outgoing spikes (dropout), ``[batch or 1, step or 1, unit]``."""


class NeuronParameters(NamedTuple):
    """A hidden layer of declared neurons as :func:`snn.neurons.neuron_layer` takes it."""

    weight: Tensor
    """``[input, unit]``."""
    recurrent_weight: Tensor | None
    """``[unit, unit]``; None for a feed-forward layer."""
    neuron: Neuron
    values: Mapping[str, Constant]
    """What the neuron's step gets for each of its parameters, one number or ``[unit]`` each;
    tensors may have a gradient."""
    bias: Tensor | None = None
    """Of the drive, ``[unit]``."""
    surrogate: str = "fast_sigmoid"
    scale: float = 100.0
    recurrence: Recurrence = "previous"
    mask: Tensor | None = None
    """Factors on the outgoing spikes (dropout), ``[batch or 1, step or 1, unit]``."""
    start: Mapping[str, float] | None = None
    """States at the start that differ from their declaration."""
    taps: Tensor | None = None
    """What a spike is worth to its own layer 1, 2, ... steps later, ``[tap, unit]``: delays of the
    recurrent connections (:mod:`snn.neurons.delays`); None for one step."""

    @property
    def initial(self) -> tuple[float, ...]:
        """States before the first step."""
        start = self.start or {}
        return tuple(start.get(n, s.initial) for n, s in self.neuron.states.items())


def program_of(layer: NeuronParameters) -> Program:
    """What the kernels of a layer's neurons compute."""
    return program(layer.neuron, layer.bias is not None)


def rows_of(layer: NeuronParameters, like: Tensor) -> Tensor:
    """What a layer's neurons compute with, ``[row, unit]``, in the dtype and device of ``like``."""
    given = dict(layer.values, threshold=layer.neuron.threshold)
    if layer.bias is not None:
        given["bias"] = layer.bias
    return rows(program_of(layer).rows, given, layer.weight.shape[1], like)


def declared(layer: LIFParameters | NeuronParameters) -> NeuronParameters:
    """A current-based LIF layer as one of declared neurons."""
    if isinstance(layer, NeuronParameters):
        return layer
    weight, recurrent, alpha, beta, d, mask = layer
    neuron = CubaLIF(d.threshold, d.reset, d.detach_reset, d.leak_scaled_input)
    start = {"u": d.initial_potential}
    return NeuronParameters(
        weight,
        recurrent,
        neuron,
        {"alpha": alpha, "beta": beta},
        None,
        d.surrogate,
        d.scale,
        d.recurrence,
        mask,
        start,
    )


class EncoderParameters(NamedTuple):
    """An encoder of analog signals as :func:`snn.neurons.current_encoder` takes it."""

    gain: Tensor
    bias: Tensor
    beta: Constant
    """Without a gradient."""
    threshold: float = 1.0
    scale: float = 100.0
    surrogate: str = "fast_sigmoid"


class ReadoutParameters(NamedTuple):
    """A readout as :func:`snn.neurons.leaky_readout` takes it."""

    weight: Tensor
    alpha: Constant
    beta: Constant
    """Without a gradient, like ``alpha``."""
    leak_scaled_input: bool = False
