"""From parameters to the arguments of the operator: tensors, integers and floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from snn.kernels import surrogates
from snn.kernels.checked import Prepared, prepare
from snn.kernels.cpu import programs
from snn.kernels.parameters import (
    Constant,
    EncoderParameters,
    Input,
    LIFParameters,
    NeuronParameters,
    ReadoutParameters,
    declared,
    program_of,
    rows_of,
)


class StageTensors(NamedTuple):
    """What a stage computes with and may have gradients of."""

    weight: Tensor | None
    """Into the stage, ``[input, unit]``; None for an encoder."""
    recurrent: Tensor | None
    """``[unit, unit]``."""
    rows: Tensor
    """What the neuron computes with, ``[row, unit]``; of an encoder: beta, gain and bias."""
    taps: Tensor | None = None
    """What a spike is worth to its own layer 1, 2, ... steps later, ``[tap, unit]``: delays."""


class StageCode(NamedTuple):
    """What is fixed about a stage, as integers."""

    neuron: int
    """Number of its program, see :mod:`snn.kernels.cpu.programs`; 0 for an encoder."""
    surrogate: int
    """Position in :data:`snn.kernels.surrogates.COMPILED`."""
    lag: int
    """1 + steps from a spike to the recurrent drive."""
    masked: int
    """There is a dropout mask."""
    keep: int
    """What a backward pass is for: 1 the weights, 2 the rows too."""
    present: int
    """Which fields of :class:`StageTensors` are not None, as bits."""


class StageNumbers(NamedTuple):
    """What is fixed about a stage, as floats; the initial value of each state follows."""

    threshold: float
    scale: float


class Arguments(NamedTuple):
    """A network and its input, in the kinds of values that a PyTorch operator takes."""

    x: Tensor
    """Counts or an analog signal ``[batch, step, input]``; or unit ids of a store, ``[event]``."""
    indptr: Tensor | None
    """Of the store, see :class:`snn.events.EventStore`."""
    index: Tensor | None
    """Samples of the store, int64 ``[batch]``."""
    nb_steps: int
    nb_inputs: int
    parameters: list[Tensor]
    """What may have a gradient: each stage's :class:`StageTensors`, then the readout's weight."""
    fixed: list[Tensor]
    """Masks ``[batch, step or 1, unit]``, then the readout's alpha, beta and gain ``[class]``."""
    codes: list[int]
    """A :class:`StageCode` for each stage."""
    numbers: list[float]
    """A :class:`StageNumbers` for each stage, and the initial values of its states."""


def arguments(
    x: Input,
    layers: Sequence[LIFParameters | NeuronParameters],
    readout: ReadoutParameters | None,
    encoder: EncoderParameters | None,
) -> Arguments:
    """Those of a network and its input, which are checked as in :func:`prepare`."""
    return encoded(prepare(x, layers, readout, encoder), layers, readout, encoder)


def encoded(
    x: Prepared,
    layers: Sequence[LIFParameters | NeuronParameters],
    readout: ReadoutParameters | None,
    encoder: EncoderParameters | None,
) -> Arguments:
    """Those of checked parameters, split into what is fixed and what has gradients."""
    like = layers[0].weight if layers else encoder.gain
    parameters: list[Tensor] = []
    fixed: list[Tensor] = []
    codes: list[int] = []
    numbers: list[float] = []
    if encoder is not None:
        beta = _constant(encoder.beta, encoder.gain.shape[0], like)
        tensors = StageTensors(None, None, torch.stack([beta, encoder.gain, encoder.bias]))
        code = StageCode(0, surrogates.position(encoder.surrogate), 1, 0, 1, 0)
        _add(tensors, code, parameters, codes)
        numbers += [*StageNumbers(encoder.threshold, encoder.scale)]
    for layer in map(declared, layers):
        neuron = layer.neuron
        of_neurons = rows_of(layer, like)
        tensors = StageTensors(layer.weight, layer.recurrent_weight, of_neurons, layer.taps)
        if (mask := layer.mask) is not None:
            fixed.append(mask.to(like.dtype).expand(x.batch, mask.shape[1], mask.shape[2]))
        code = StageCode(
            neuron=programs.number(program_of(layer)),
            surrogate=surrogates.position(layer.surrogate),
            lag=2 if layer.recurrence == "previous" else 1,
            masked=int(mask is not None),
            keep=2 if of_neurons.requires_grad else 1,
            present=0,
        )
        _add(tensors, code, parameters, codes)
        numbers += [*StageNumbers(neuron.threshold, layer.scale), *layer.initial]
    if readout is not None:
        classes = readout.weight.shape[1]
        gain = 1.0 - readout.beta if readout.leak_scaled_input else 1.0
        parameters.append(readout.weight)
        fixed += (_constant(c, classes, like) for c in (readout.alpha, readout.beta, gain))
    source = x.x, None, None
    if not isinstance(x.x, Tensor):
        source = x.x.store.units, x.x.store.indptr, x.x.index
    return Arguments(*source, x.steps, x.inputs, parameters, fixed, codes, numbers)


def _add(
    tensors: StageTensors, code: StageCode, parameters: list[Tensor], codes: list[int]
) -> None:
    parameters += [tensor for tensor in tensors if tensor is not None]
    present = sum(1 << i for i, tensor in enumerate(tensors) if tensor is not None)
    codes += list(code._replace(present=present))


def _constant(value: Constant, units: int, like: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(like.dtype).expand(units)
    return torch.full((units,), value, dtype=like.dtype, device=like.device)
