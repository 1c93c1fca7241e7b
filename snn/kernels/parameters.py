"""From a user's parameters to the arguments of the kernels, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from snn.events import EventBatch, EventStore
from snn.kernels import surrogates
from snn.kernels.cpu.arguments import Arguments, StageCode, StageNumbers, StageTensors
from snn.neurons import LIFDynamics

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
    """Factors on the outgoing spikes (dropout), ``[batch, step or 1, unit]``."""


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


def arguments(
    x: Input,
    layers: Sequence[LIFParameters],
    readout: ReadoutParameters | None,
    encoder: EncoderParameters | None,
) -> Arguments:
    """Split the parameters into what is fixed and what has gradients.

    Raises:
        ValueError: shapes do not fit each other, a gradient is wanted that the kernels lack, or a
            surrogate has no kernel.
        TypeError: the arrays of an event store are of other types than it promises.
    """
    dtype = layers[0].weight.dtype if layers else encoder.gain.dtype
    if encoder is not None:
        x = x if isinstance(x, Tensor) else x.to_dense(dtype)
        _refuse_gradient(x, "an encoder's analog input")
    source, batch, steps, inputs = _source(x, dtype)
    parameters: list[Tensor] = []
    fixed: list[Tensor] = []
    codes: list[int] = []
    numbers: list[float] = []
    units = inputs
    if encoder is not None:
        tensors, dynamics = _encoder(encoder, inputs, dtype)
        units = encoder.gain.shape[0]
        _add(tensors, _code(dynamics, tensors, True, False, False), parameters, codes)
        numbers += StageNumbers(dynamics.threshold, 0.0, dynamics.scale)
    for layer in layers:
        tensors, dynamics = _layer(layer, units, dtype), layer.dynamics
        units = layer.weight.shape[1]
        learned = any(c.requires_grad for c in (tensors.alpha, tensors.beta, tensors.gain))
        if layer.mask is not None:
            fixed.append(_mask(layer.mask, batch, steps, units, dtype))
        code = _code(dynamics, tensors, False, learned, layer.mask is not None)
        _add(tensors, code, parameters, codes)
        numbers += StageNumbers(dynamics.threshold, dynamics.initial_potential, dynamics.scale)
    if readout is not None:
        classes = readout.weight.shape[1]
        _check_shape("the readout's weight", readout.weight, (units, classes))
        gain = 1.0 - readout.beta if readout.leak_scaled_input else 1.0
        parameters.append(readout.weight)
        for constant in (readout.alpha, readout.beta, gain):
            _refuse_gradient(constant, "the readout's constants")
            fixed.append(_constant(constant, classes, dtype))
    for parameter in parameters:
        if parameter.dtype != dtype:
            raise ValueError(f"parameters of dtype {dtype} and {parameter.dtype}: must be the same")
    return Arguments(*source, steps, inputs, parameters, fixed, codes, numbers)


def _source(
    x: Input, dtype: torch.dtype
) -> tuple[tuple[Tensor, Tensor | None, Tensor | None], int, int, int]:
    """The input's arrays, and its numbers of samples, steps and units."""
    if isinstance(x, Tensor):
        return (x.to(dtype), None, None), *x.shape
    if isinstance(x, EventStore):
        x = EventBatch(x, torch.arange(x.nb_samples))
    store, index = x.store, x.index
    kinds = store.units.dtype, store.indptr.dtype, index.dtype
    if kinds[0] not in (torch.int16, torch.int32) or kinds[1:] != (torch.int64, torch.int64):
        wanted = "int16 or int32, int64, int64"
        raise TypeError(f"units, indptr and index of events must be {wanted}, not {kinds}")
    return (store.units, store.indptr, index), index.shape[0], store.nb_steps, store.nb_units


def _encoder(
    e: EncoderParameters, channels: int, dtype: torch.dtype
) -> tuple[StageTensors, LIFDynamics]:
    units = e.gain.shape[0]
    _check_shape("the encoder's bias", e.bias, (units,))
    if units % channels:
        raise ValueError(f"an encoder of {units} units for {channels} channels: must be a multiple")
    _refuse_gradient(e.beta, "the encoder's decay")
    beta = _constant(e.beta, units, dtype)
    tensors = StageTensors(None, None, None, beta, e.gain, e.bias)
    return tensors, LIFDynamics(e.threshold, e.scale, e.surrogate)


def _layer(layer: LIFParameters, inputs: int, dtype: torch.dtype) -> StageTensors:
    units = layer.weight.shape[1]
    _check_shape("weight", layer.weight, (inputs, units))
    if layer.recurrent_weight is not None:
        _check_shape("recurrent_weight", layer.recurrent_weight, (units, units))
    gain = 1.0 - layer.beta if layer.dynamics.leak_scaled_input else 1.0
    constants = (_constant(c, units, dtype) for c in (layer.alpha, layer.beta, gain))
    return StageTensors(layer.weight, layer.recurrent_weight, *constants, None)


def _code(
    dynamics: LIFDynamics, tensors: StageTensors, encoder: bool, learned: bool, masked: bool
) -> StageCode:
    if dynamics.timing != "late":
        raise ValueError(f"the kernels do not know timing={dynamics.timing}: take the reference")
    attached = not dynamics.detach_reset and not encoder
    return StageCode(
        encoder=int(encoder),
        surrogate=surrogates.position(dynamics.surrogate),
        reset_zero=int(dynamics.reset == "zero"),
        attached=int(attached),
        lag=2 if dynamics.recurrence == "previous" else 1,
        masked=int(masked),
        keep_current=int(learned or attached),
        present=sum(1 << i for i, tensor in enumerate(tensors) if tensor is not None),
    )


def _add(
    tensors: StageTensors, code: StageCode, parameters: list[Tensor], codes: list[int]
) -> None:
    parameters += [tensor for tensor in tensors if tensor is not None]
    codes += code


def _mask(mask: Tensor, batch: int, steps: int, units: int, dtype: torch.dtype) -> Tensor:
    """A mask ``[batch, step or 1, unit]`` from one that may be narrower."""
    _refuse_gradient(mask, "a dropout mask")
    if mask.dim() != 3 or mask.shape[1] not in (1, steps):
        wanted = f"[{batch}, {steps} or 1, {units}]"
        raise ValueError(f"mask of shape {tuple(mask.shape)}: must be {wanted}")
    return mask.to(dtype).expand(batch, mask.shape[1], units)


def _constant(value: Constant, units: int, dtype: torch.dtype) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(dtype).expand(units)
    return torch.full((units,), value, dtype=dtype)


def _check_shape(name: str, tensor: Tensor, wanted: tuple[int, ...]) -> None:
    if tensor.shape != wanted:
        raise ValueError(f"{name} of shape {tuple(tensor.shape)}: must be {wanted}")


def _refuse_gradient(value: Constant, of: str) -> None:
    if isinstance(value, Tensor) and value.requires_grad and torch.is_grad_enabled():
        raise ValueError(
            f"the CPU kernels have no gradient of {of}: detach it, or take the reference"
        )
