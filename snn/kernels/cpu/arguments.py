"""From parameters to the arguments of the operator: tensors, integers and floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from snn.kernels import surrogates
from snn.kernels.parameters import (
    Constant,
    EncoderParameters,
    Input,
    LIFParameters,
    Prepared,
    ReadoutParameters,
    prepare,
)
from snn.neurons import LIFDynamics


class StageTensors(NamedTuple):
    """What a stage computes with and may have gradients of. Constants are ``[unit]``."""

    weight: Tensor | None
    """Into the stage, ``[input, unit]``; None for an encoder."""
    recurrent: Tensor | None
    """``[unit, unit]``."""
    alpha: Tensor | None
    beta: Tensor
    gain: Tensor
    """Factor of the current; of an encoder its own gain."""
    bias: Tensor | None
    """Of an encoder."""


class StageCode(NamedTuple):
    """What is fixed about a stage, as integers."""

    encoder: int
    surrogate: int
    """Position in :data:`snn.kernels.surrogates.COMPILED`."""
    reset_zero: int
    attached: int
    """The reset takes part in the gradient."""
    lag: int
    """Steps from a spike to the recurrent current."""
    masked: int
    """There is a dropout mask."""
    keep_current: int
    """The backward pass will need the synaptic current."""
    present: int
    """Which fields of :class:`StageTensors` are not None, as bits."""


class StageNumbers(NamedTuple):
    """What is fixed about a stage, as floats."""

    threshold: float
    initial: float
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
    """A :class:`StageNumbers` for each stage."""


def arguments(
    x: Input,
    layers: Sequence[LIFParameters],
    readout: ReadoutParameters | None,
    encoder: EncoderParameters | None,
) -> Arguments:
    """Those of a network and its input, which are checked as in :func:`prepare`."""
    return encoded(prepare(x, layers, readout, encoder), layers, readout, encoder)


def encoded(
    x: Prepared,
    layers: Sequence[LIFParameters],
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
        constant = _constant(encoder.beta, encoder.gain.shape[0], like)
        tensors = StageTensors(None, None, None, constant, encoder.gain, encoder.bias)
        code = StageCode(1, surrogates.position(encoder.surrogate), 0, 0, 1, 0, 0, 0)
        _add(tensors, code, parameters, codes)
        numbers += [*StageNumbers(encoder.threshold, 0.0, encoder.scale)]
    for layer in layers:
        tensors, dynamics = _layer(layer, like), layer.dynamics
        if (mask := layer.mask) is not None:
            fixed.append(mask.to(like.dtype).expand(x.batch, mask.shape[1], mask.shape[2]))
        _add(tensors, _code(dynamics, tensors, mask is not None), parameters, codes)
        numbers += [*StageNumbers(dynamics.threshold, dynamics.initial_potential, dynamics.scale)]
    if readout is not None:
        classes = readout.weight.shape[1]
        gain = 1.0 - readout.beta if readout.leak_scaled_input else 1.0
        parameters.append(readout.weight)
        fixed += (_constant(c, classes, like) for c in (readout.alpha, readout.beta, gain))
    source = x.x, None, None
    if not isinstance(x.x, Tensor):
        source = x.x.store.units, x.x.store.indptr, x.x.index
    return Arguments(*source, x.steps, x.inputs, parameters, fixed, codes, numbers)


def _layer(layer: LIFParameters, like: Tensor) -> StageTensors:
    units = layer.weight.shape[1]
    gain = 1.0 - layer.beta if layer.dynamics.leak_scaled_input else 1.0
    constants = (_constant(c, units, like) for c in (layer.alpha, layer.beta, gain))
    return StageTensors(layer.weight, layer.recurrent_weight, *constants, None)


def _code(dynamics: LIFDynamics, tensors: StageTensors, masked: bool) -> StageCode:
    attached = not dynamics.detach_reset
    learned = any(c.requires_grad for c in (tensors.alpha, tensors.beta, tensors.gain))
    return StageCode(
        encoder=0,
        surrogate=surrogates.position(dynamics.surrogate),
        reset_zero=int(dynamics.reset == "zero"),
        attached=int(attached),
        lag=2 if dynamics.recurrence == "previous" else 1,
        masked=int(masked),
        keep_current=int(learned or attached),
        present=0,
    )


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
