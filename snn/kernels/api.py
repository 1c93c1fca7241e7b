"""Event-driven spiking layers, usable from any PyTorch code, on the CPU and on the GPU.

They compute what :mod:`snn.neurons` computes, with its spikes and gradients. Where the tensors are
decides which kernels run: compiled C++ on the CPU (:mod:`snn.kernels.cpu`), Triton on the GPU
(:mod:`snn.kernels.gpu`). Arguments are checked here, once for both, and layouts are the same:
spikes are ``[batch, step, unit]``.

``backend`` names the kernels instead, ``cpu`` or ``gpu``: in the tests, Triton's interpreter runs
those of the GPU on tensors of the CPU.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from snn.errors import ConfigError
from snn.kernels import gpu
from snn.kernels.checked import check_class_weights, check_delays, check_labels, prepare
from snn.kernels.cpu import availability, library, programs
from snn.kernels.cpu import network as cpu_network
from snn.kernels.parameters import (
    Constant,
    EncoderParameters,
    Input,
    LIFParameters,
    NeuronParameters,
    ReadoutParameters,
)
from snn.neurons import LIFDynamics, Neuron

__all__ = [
    "EncoderParameters",
    "LIFParameters",
    "NeuronParameters",
    "ReadoutParameters",
    "StepOutput",
    "available",
    "delayed",
    "description",
    "encoder_layer",
    "instruction_set",
    "lif_layer",
    "network",
    "neuron_layer",
    "neuron_obstacle",
    "obstacle",
    "training_step",
]

KernelBackend = Literal["cpu", "gpu"]


def available() -> bool:
    """Whether the compiled kernels for the CPU can be used here."""
    return library.available()


def instruction_set() -> str:
    """Name of the CPU kernels that are in use, e.g. ``avx2``."""
    return library.loaded().name


def obstacle(
    x: Input,
    dtype: torch.dtype,
    device: torch.device | str,
    backend: KernelBackend | None = None,
) -> str | None:
    """Why the kernels cannot run a network of this dtype and device on ``x``; None if they can."""
    device = torch.device(device)
    if _named(backend, device) == "gpu":
        return gpu.obstacle(x, dtype, device)
    return availability.obstacle(x, dtype, device)


def neuron_obstacle(
    backend: KernelBackend, neuron: Neuron, units: int, *, bias: bool = False
) -> str | None:
    """Why these kernels cannot run a layer of declared neurons here; None if they can.

    A neuron that is not among the installed ones is compiled for the CPU by this.
    """
    if backend == "gpu":
        return gpu.neuron_obstacle(neuron, units)
    return programs.obstacle(neuron, bias)


def description(backend: KernelBackend, sizes: Sequence[int]) -> str:
    """What runs hidden layers of so many neurons, for the log."""
    return gpu.description(sizes) if backend == "gpu" else availability.description()


def _named(backend: KernelBackend | None, device: torch.device) -> str:
    if backend is None:
        return "gpu" if device.type == "cuda" else "cpu"
    if backend not in ("cpu", "gpu"):
        raise ConfigError("backend", backend, "cpu, gpu or None")
    return backend


def _kernels(backend: KernelBackend | None, like: Tensor) -> Any:
    """The functions of a backend; those of the GPU import Triton."""
    if _named(backend, like.device) == "cpu":
        return cpu_network
    if reason := gpu.obstacle(like, like.dtype, like.device):
        raise RuntimeError(reason)
    return importlib.import_module("snn.kernels.gpu.network")


def lif_layer(
    x: Input,
    weight: Tensor,
    recurrent_weight: Tensor | None,
    alpha: Constant,
    beta: Constant,
    dynamics: LIFDynamics,
    mask: Tensor | None = None,
    *,
    backend: KernelBackend | None = None,
) -> tuple[Tensor, Tensor]:
    """Run a layer of LIF neurons over a sequence that starts from rest.

    Args:
        x: events, or counts ``[batch, step, input]``, which may want a gradient.
        weight: ``[input, unit]``; its dtype, float32 or float64, is the computation's.
        recurrent_weight: ``[unit, unit]`` or None.
        alpha: decay of the synaptic current per step, scalar or ``[unit]``.
        beta: decay of the membrane potential per step, scalar or ``[unit]``.
        dynamics: threshold, surrogate, reset and timing.
        mask: factor on the outgoing spikes (dropout), ``[batch or 1, step or 1, unit]``.
        backend: kernels to use instead of those of the tensors' device.

    Returns:
        Spikes ``[batch, step, unit]`` after dropout, as recurrent weights and a next layer see
        them, and their counts before dropout, ``[batch, unit]``.

    Raises:
        ValueError: shapes, dtypes or devices do not fit, a gradient is wanted that the kernels
            lack, the surrogate has no kernel, or row bounds of events are damaged.
        TypeError: something is no tensor, or arrays of events are of other types than promised.
        IndexError: an event or the batch's index lies outside its range.
        RuntimeError: there are no kernels for these tensors here.
    """
    layer = LIFParameters(weight, recurrent_weight, alpha, beta, dynamics, mask)
    return neuron_layer(x, layer, backend=backend)


def neuron_layer(
    x: Input,
    layer: LIFParameters | NeuronParameters,
    *,
    backend: KernelBackend | None = None,
) -> tuple[Tensor, Tensor]:
    """Run a layer of declared neurons over a sequence that starts from rest.

    Args:
        x: as in :func:`lif_layer`.
        layer: weights, neuron and the values of its parameters.
        backend: kernels to use instead of those of the tensors' device.

    Returns:
        As :func:`lif_layer`, and it raises as that does.
    """
    prepared = prepare(x, [layer], None, None)
    return _kernels(backend, layer.weight).layer(prepared, layer)


def delayed(x: Input, taps: Tensor, *, backend: KernelBackend | None = None) -> Tensor:
    """A sequence as it arrives after its delays (:func:`snn.neurons.delays.delayed`).

    Args:
        x: events, or counts ``[batch, step, unit]``, which may want a gradient.
        taps: weight of a spike 0, 1, 2, ... steps later, ``[tap, unit]``.
        backend: kernels to use instead of those of the tensors' device.

    Raises:
        ValueError: shapes, dtypes or devices do not fit.
    """
    x = check_delays(x, taps)
    return _kernels(backend, taps).delayed(x, taps)


def encoder_layer(
    x: Input, encoder: EncoderParameters, *, backend: KernelBackend | None = None
) -> Tensor:
    """Encode analog signals ``[batch, step, channel]`` as spikes ``[batch, step, unit]``.

    Raises as :func:`lif_layer`; the signal and the encoder's decay have no gradient.
    """
    prepared = prepare(x, [], None, encoder)
    return _kernels(backend, encoder.gain).encoder_layer(prepared, encoder)


def network(
    x: Input,
    layers: Sequence[LIFParameters | NeuronParameters],
    readout: ReadoutParameters,
    encoder: EncoderParameters | None = None,
    *,
    backend: KernelBackend | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Run hidden layers one after another, and a readout.

    Args:
        x: events, counts ``[batch, step, unit]``, or analog ``[batch, step, channel]`` if there is
            an encoder.
        layers: one or several; the spikes of each, after its dropout, are the next one's input.
        readout: fed by the last layer.
        encoder: turns analog input into spikes.
        backend: kernels to use instead of those of the tensors' device.

    Returns:
        The readout's trace ``[batch, step + 1, class]`` and each hidden layer's spike counts before
        dropout, ``[batch, unit]``, all with gradients. It raises as :func:`lif_layer`.
    """
    prepared = prepare(x, layers, readout, encoder)
    _require_readout(readout)
    return _kernels(backend, readout.weight).network(prepared, layers, readout, encoder)


def _require_readout(readout: ReadoutParameters | None) -> None:
    if readout is None:
        raise TypeError("a network has a readout; lif_layer() gives spikes")


class StepOutput(NamedTuple):
    """Result of :func:`training_step`."""

    loss: Tensor
    """``nll + penalty``, the only one with a gradient."""
    nll: Tensor
    penalty: Tensor
    """``spike_rate`` times the number of hidden spikes."""
    logits: Tensor
    """``[batch, class]``."""
    spike_counts: list[Tensor]
    """``[batch, unit]`` of each hidden layer."""


def training_step(
    x: Input,
    labels: Tensor,
    layers: Sequence[LIFParameters | NeuronParameters],
    readout: ReadoutParameters,
    encoder: EncoderParameters | None = None,
    class_weights: Tensor | None = None,
    spike_rate: float = 0.0,
    label_smoothing: float = 0.0,
    *,
    backend: KernelBackend | None = None,
) -> StepOutput:
    """Loss of a network, with its gradients.

    The logits are the maxima of the readout over time, the loss their weighted negative
    log-likelihood plus ``spike_rate`` for every hidden spike. On the CPU it is one pass: each block
    of samples goes forward and back at once, and no trace of the batch is ever kept. On the GPU
    autograd goes back through the kernels.

    Args:
        x: as in :func:`network`, without a gradient.
        labels: integers ``[batch]``.
        layers: hidden layers.
        readout: fed by the last one.
        encoder: turns analog input into spikes, which are not penalised.
        class_weights: ``[class]`` or None.
        spike_rate: penalty per spike.
        label_smoothing: share of each label that is spread over all classes, below 1; not together
            with class weights.
        backend: kernels to use instead of those of the tensors' device.

    Raises:
        ValueError: as :func:`lif_layer`; both class weights and smoothing were given, or the input
            wants a gradient.
        IndexError: as :func:`lif_layer`; or a label is no class.
    """
    prepared = prepare(x, layers, readout, encoder)
    _require_readout(readout)
    weight = readout.weight
    classes = weight.shape[1]
    if isinstance(prepared.x, Tensor) and prepared.x.requires_grad:
        raise ValueError("a fused training step has no gradient of its input; take network()")
    check_labels(labels, prepared.batch, classes, weight)
    if class_weights is not None:
        check_class_weights(class_weights, classes, weight)
        if label_smoothing:
            raise ValueError("the fused step has no label smoothing with class weights")
    if not (0.0 <= label_smoothing < 1.0 and math.isfinite(spike_rate)):
        raise ValueError(
            f"label_smoothing={label_smoothing}, spike_rate={spike_rate}: must be at least 0 and "
            "below 1, and finite"
        )
    loss, nll, penalty, logits, counts = _kernels(backend, weight).training_step(
        prepared, labels, layers, readout, encoder, class_weights, spike_rate, label_smoothing
    )
    return StepOutput(loss, nll, penalty, logits, counts)
