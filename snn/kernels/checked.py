"""Checks of what the kernels are called with, the same for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from snn.events import EventBatch, EventStore
from snn.kernels import faults, surrogates
from snn.kernels.parameters import (
    Constant,
    EncoderParameters,
    Input,
    LIFParameters,
    NeuronParameters,
    ReadoutParameters,
    program_of,
)
from snn.neurons import LIFDynamics, Neuron

_UNIT_IDS = (torch.int16, torch.int32)


class Prepared(NamedTuple):
    """An input that fits its network."""

    x: Tensor | EventBatch
    """Counts or a signal ``[batch, step, input]`` in the network's dtype, or events."""
    batch: int
    steps: int
    inputs: int


def prepare(
    x: Input,
    layers: Sequence[LIFParameters | NeuronParameters],
    readout: ReadoutParameters | None,
    encoder: EncoderParameters | None,
) -> Prepared:
    """Check a network and its input, and bring the input into the form that kernels read.

    What lies in the events is not looked at: that is up to the kernels.

    Raises:
        ValueError: shapes, dtypes or devices do not fit each other, a gradient is wanted that the
            kernels lack, or a surrogate has no kernel.
        TypeError: something is no tensor, or arrays of events are of other types than promised.
    """
    for layer in layers:
        _require_kind("a layer", layer, (LIFParameters, NeuronParameters))
    if encoder is not None:
        _require_kind("encoder", encoder, EncoderParameters)
    if readout is not None:
        _require_kind("readout", readout, ReadoutParameters)
    if not layers and encoder is None:
        raise ValueError("a network of kernels has a hidden layer or an encoder")
    like = layers[0].weight if layers else encoder.gain
    _require_tensor("the first weight or gain", like)
    if like.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"the kernels compute in float32 and float64, not in {like.dtype}")
    prepared = _prepared(x, like)
    if encoder is not None:
        prepared = prepared._replace(x=_signal(prepared.x, like.dtype))
    units = prepared.inputs
    if encoder is not None:
        units = _check_encoder(encoder, units, like)
    for layer in layers:
        units = _check_layer(layer, prepared, units, like)
    if readout is not None:
        _check_readout(readout, units, like)
    return prepared


def _signal(x: Tensor | EventBatch, dtype: torch.dtype) -> Tensor:
    x = x if isinstance(x, Tensor) else x.to_dense(dtype)
    _refuse_gradient(x, "an encoder's analog input")
    return x


def _prepared(x: Input, like: Tensor) -> Prepared:
    if isinstance(x, Tensor):
        if x.dim() != 3 or x.is_complex():
            raise ValueError(
                f"input of shape {tuple(x.shape)} and {x.dtype}: must be real numbers "
                "[batch, step, input]"
            )
        _require_place("the input", x, like)
        return Prepared(x.to(like.dtype), *x.shape)
    if isinstance(x, EventStore):
        x = EventBatch(x, torch.arange(x.nb_samples, device=x.units.device))
    if not isinstance(x, EventBatch):
        raise TypeError(f"input must be a tensor or events, not {type(x).__name__}")
    store, index = x.store, x.index
    for part in (store.units, store.indptr, index):
        _require_tensor("each part of events", part)
    kinds = store.units.dtype, store.indptr.dtype, index.dtype
    if kinds[0] not in _UNIT_IDS or kinds[1:] != (torch.int64, torch.int64):
        wanted = "int16 or int32, int64, int64"
        raise TypeError(f"units, indptr and index of events must be {wanted}, not {kinds}")
    for name, part in (("units", store.units), ("indptr", store.indptr), ("index", index)):
        if part.dim() != 1:
            raise ValueError(f"{name} of events of shape {tuple(part.shape)}: must be a row")
        _require_place(f"{name} of events", part, like)
    rows, steps = store.indptr.shape[0] - 1, store.nb_steps
    if steps < 1 or rows < 0 or rows % steps:
        raise ValueError(f"{rows} rows of events cannot be samples of {steps} steps")
    return Prepared(x, index.shape[0], steps, store.nb_units)


def _check_encoder(e: EncoderParameters, channels: int, like: Tensor) -> int:
    """The number of its units."""
    surrogates.require(e.surrogate)
    _require_tensor("the encoder's gain", e.gain)
    units = e.gain.shape[0] if e.gain.dim() == 1 else 0
    _check("the encoder's gain", e.gain, (max(units, 1),), like)
    _check("the encoder's bias", e.bias, (units,), like)
    if channels < 1 or units % channels:
        raise ValueError(f"an encoder of {units} units for {channels} channels: must be a multiple")
    _refuse_gradient(e.beta, "the encoder's decay")
    _check_constant("the encoder's beta", e.beta, units, like)
    return units


def _check_layer(
    layer: LIFParameters | NeuronParameters, x: Prepared, inputs: int, like: Tensor
) -> int:
    """The number of its units."""
    weight, recurrent, mask = layer.weight, layer.recurrent_weight, layer.mask
    _require_tensor("weight", weight)
    units = weight.shape[-1] if weight.dim() else 0
    _check("weight", weight, (inputs, max(units, 1)), like)
    if recurrent is not None:
        _check("recurrent_weight", recurrent, (units, units), like)
    if isinstance(layer, LIFParameters):
        _check_dynamics(layer.dynamics)
        values: Mapping[str, Constant] = {"alpha": layer.alpha, "beta": layer.beta}
    else:
        _check_neuron(layer, units, like)
        values = layer.values
    for name, value in values.items():
        _check_constant(name, value, units, like)
    if mask is not None:
        _require_tensor("mask", mask)
        _refuse_gradient(mask, "a dropout mask")
        shape = mask.shape
        fits = len(shape) == 3 and shape[2] == units and not mask.is_complex()
        if not (fits and shape[0] in (1, x.batch) and shape[1] in (1, x.steps)):
            wanted = f"[{x.batch}, {x.steps} or 1, {units}]"
            raise ValueError(f"mask of shape {tuple(shape)}: must be {wanted}")
        _require_place("mask", mask, like)
    return units


def _check_dynamics(dynamics: LIFDynamics) -> None:
    _require_kind("dynamics", dynamics, LIFDynamics)
    surrogates.require(dynamics.surrogate)
    if dynamics.timing != "late":
        raise ValueError(f"the kernels do not know timing={dynamics.timing}: take the reference")


def _check_neuron(layer: NeuronParameters, units: int, like: Tensor) -> None:
    _require_kind("neuron", layer.neuron, Neuron)
    surrogates.require(layer.surrogate)
    _require_kind("values", layer.values, Mapping)
    for name, value in {"scale": layer.scale, **(layer.start or {})}.items():
        _require_kind(name, value, (float, int))
    found = program_of(layer)
    if set(layer.values) != set(layer.neuron.parameters):
        wanted = ", ".join(layer.neuron.parameters) or "none"
        raise ValueError(f"values of {', '.join(layer.values) or 'nothing'}: must be of {wanted}")
    if layer.bias is not None:
        _check("bias", layer.bias, (units,), like)
    if layer.recurrence not in ("previous", "current"):
        raise ValueError(f"recurrence={layer.recurrence!r}: must be previous or current")
    if layer.recurrent_weight is not None and layer.recurrence == "current" and not found.latency:
        raise ValueError(
            "recurrence='current': must be previous where a drive can cause a spike in its own step"
        )
    if layer.taps is not None:
        _check_taps(layer.taps, units, like)
        if layer.recurrent_weight is None or layer.recurrence == "current":
            raise ValueError("taps: delays are of recurrent weights with recurrence='previous'")
    unknown = set(layer.start or {}) - set(layer.neuron.states)
    if unknown:
        raise ValueError(f"start of {', '.join(sorted(unknown))}: the neuron has no such state")


def _check_readout(readout: ReadoutParameters, units: int, like: Tensor) -> None:
    weight = readout.weight
    _require_tensor("the readout's weight", weight)
    classes = weight.shape[-1] if weight.dim() else 0
    _check("the readout's weight", weight, (units, max(classes, 1)), like)
    for name in ("alpha", "beta"):
        constant = getattr(readout, name)
        _refuse_gradient(constant, "the readout's constants")
        _check_constant("a constant of the readout", constant, classes, like)


def _check(name: str, tensor: Tensor, wanted: tuple[int, ...], like: Tensor) -> None:
    _require_tensor(name, tensor)
    if tensor.shape != wanted:
        raise ValueError(f"{name} of shape {tuple(tensor.shape)}: must be {wanted}")
    if tensor.dtype != like.dtype:
        raise ValueError(f"parameters of dtype {like.dtype} and {tensor.dtype}: must be the same")
    _require_place(name, tensor, like)


def _check_taps(taps: Tensor, units: int, like: Tensor) -> None:
    _require_tensor("taps", taps)
    _check("taps", taps, (max(taps.shape[0] if taps.dim() else 0, 1), units), like)


def _check_constant(name: str, value: Constant, units: int, like: Tensor) -> None:
    if not isinstance(value, Tensor):
        _require_kind(name, value, (float, int))
        return
    if value.dim() > 1 or value.numel() not in (1, units) or value.is_complex():
        wanted = f"one number or ({units},)"
        raise ValueError(f"{name} of shape {tuple(value.shape)}: must be {wanted}")
    _require_place(name, value, like)


def _require_kind(name: str, value: object, kind: type | tuple[type, ...]) -> None:
    if not isinstance(value, kind):
        names = {Tensor: "a tensor", (float, int): "a number or a tensor"}
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = names.get(kind) or " or ".join(k.__name__ for k in kinds)
        raise TypeError(f"{name} must be {wanted}, not {type(value).__name__}")


def _require_tensor(name: str, value: object) -> None:
    _require_kind(name, value, Tensor)


def _require_place(name: str, tensor: Tensor, like: Tensor) -> None:
    if tensor.device != like.device:
        raise ValueError(f"{name} is on {tensor.device}, the first weights on {like.device}")
    if tensor.layout is not torch.strided:
        raise ValueError(f"{name} is {tensor.layout}: must be dense")


def _refuse_gradient(value: Constant, of: str) -> None:
    if isinstance(value, Tensor) and value.requires_grad and torch.is_grad_enabled():
        raise ValueError(f"the kernels have no gradient of {of}: detach it, or take the reference")


def check_delays(x: Input, taps: Tensor) -> Tensor:
    """A sequence that is to be delayed, ``[batch, step, unit]`` in the dtype of the taps.

    Raises:
        ValueError: shapes, dtypes or devices do not fit.
    """
    _require_tensor("taps", taps)
    if taps.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"the kernels compute in float32 and float64, not in {taps.dtype}")
    prepared = _prepared(x, taps)
    _check_taps(taps, prepared.inputs, taps)
    return prepared.x if isinstance(prepared.x, Tensor) else prepared.x.to_dense(taps.dtype)


def check_labels(labels: Tensor, batch: int, classes: int, like: Tensor) -> None:
    """Check the labels of a training step.

    Raises:
        IndexError: there are more or fewer than samples, or one is no class. Their values are not
            looked at while a GPU is being recorded.
        TypeError: they are no integers.
        ValueError: there is no sample, or they are somewhere else.
    """
    _require_tensor("labels", labels)
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"labels of {labels.dtype}: must be integers")
    _require_place("labels", labels, like)
    if batch == 0:
        raise ValueError("a training step needs a sample")
    if labels.shape != (batch,):
        raise faults.unknown_label(batch, classes)
    if labels.is_cuda and torch.cuda.is_current_stream_capturing():
        return
    low, high = (int(label) for label in labels.aminmax())
    if low < 0 or high >= classes:
        raise faults.unknown_label(batch, classes)


def check_class_weights(weights: Tensor, classes: int, like: Tensor) -> None:
    """Check the weights of classes in a training step's loss.

    Raises:
        ValueError: they are not ``[class]``, or somewhere else.
    """
    _require_tensor("class weights", weights)
    _refuse_gradient(weights, "class weights")
    if weights.shape != (classes,) or not weights.is_floating_point():
        raise ValueError(
            f"class weights of shape {tuple(weights.shape)} and {weights.dtype}: must be "
            f"real numbers ({classes},)"
        )
    _require_place("class weights", weights, like)
