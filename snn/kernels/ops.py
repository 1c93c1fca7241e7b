"""Event-driven spiking layers on the CPU, usable from any PyTorch code.

They compute what :mod:`snn.functional` computes, with its spikes and gradients, from events:
products with spike vectors are sums of weight rows, and samples run through time in small blocks
whose state stays in the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from snn.events import EventBatch, EventStore
from snn.functional import LIFDynamics
from snn.kernels import library
from snn.kernels.autograd import Network, TrainingStep
from snn.kernels.problem import Readout, Spec, Stage, StageTensors

Constant = Tensor | float


class LIFParameters(NamedTuple):
    """A hidden layer as :func:`snn.functional.lif` takes it."""

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
    """An encoder of analog signals as :func:`snn.functional.current_encoder` takes it."""

    gain: Tensor
    bias: Tensor
    beta: Constant
    """Without a gradient."""
    threshold: float = 1.0
    scale: float = 100.0
    surrogate: str = "fast_sigmoid"


class ReadoutParameters(NamedTuple):
    """A readout as :func:`snn.functional.leaky_readout` takes it."""

    weight: Tensor
    alpha: Constant
    beta: Constant
    """Without a gradient, like ``alpha``."""
    leak_scaled_input: bool = False


def obstacle(x: Tensor | EventBatch | EventStore, dtype: torch.dtype, device: str) -> str | None:
    """Why the kernels cannot run a network of this dtype and device on ``x``; None if they can."""
    kernels = library.load()
    if not isinstance(kernels, library.Library):
        return kernels
    if dtype not in (torch.float32, torch.float64):
        return f"the CPU kernels compute in float32 and float64, not in {dtype}"
    source = x if isinstance(x, Tensor) else getattr(x, "store", x).units
    if device != "cpu" or source.device.type != "cpu":
        return "network and input are not both on the CPU"
    return None


def instruction_set() -> str:
    """Name of the kernels that are in use, e.g. ``avx2``."""
    return library.load().name


def _constant(value: Constant, units: int, dtype: torch.dtype) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(dtype).expand(units)
    return torch.full((units,), value, dtype=dtype)


def _one_minus(value: Constant) -> Constant:
    return 1.0 - value


class _Prepared(NamedTuple):
    spec: Spec
    x: Tensor | None
    """The input, if it wants a gradient."""
    tensors: list[Tensor | None]


def _prepare(
    x: Tensor | EventBatch | EventStore,
    layers: Sequence[LIFParameters],
    readout: ReadoutParameters | None,
    encoder: EncoderParameters | None,
) -> _Prepared:
    """Split the parameters into what is fixed and what has gradients; check the shapes."""
    dtype = layers[0].weight.dtype if layers else encoder.gain.dtype
    if encoder is not None:
        x = x if isinstance(x, Tensor) else x.to_dense(dtype)
        if x.requires_grad:
            raise ValueError("the CPU kernels have no gradient of an encoder's analog input")
    if isinstance(x, EventStore):
        x = EventBatch(x, torch.arange(x.nb_samples))
    if isinstance(x, Tensor):
        batch, steps, inputs = x.shape
    else:
        batch, steps, inputs = x.index.numel(), x.store.nb_steps, x.store.nb_units
        if batch:
            low, high = x.index.aminmax()
            if low < 0 or high >= x.store.nb_samples:
                raise IndexError(f"sample index outside 0..{x.store.nb_samples - 1}: {low}..{high}")
    stages, tensors, keep_current = [], [], []
    if encoder is not None:
        units = encoder.gain.numel()
        dynamics = LIFDynamics(encoder.threshold, encoder.scale, encoder.surrogate)
        stages.append(Stage(units, dynamics, encoder=True))
        beta = _constant(encoder.beta, units, dtype)
        tensors += StageTensors(None, None, None, beta, encoder.gain, encoder.bias)
        keep_current.append(False)
        inputs = units
    for layer in layers:
        dynamics, units = layer.dynamics, layer.weight.shape[1]
        if layer.weight.shape[0] != inputs:
            raise ValueError(f"weight {tuple(layer.weight.shape)} for {inputs} inputs")
        stages.append(Stage(units, dynamics, mask=layer.mask))
        gain = _one_minus(layer.beta) if dynamics.leak_scaled_input else 1.0
        constants = [_constant(c, units, dtype) for c in (layer.alpha, layer.beta, gain)]
        tensors += StageTensors(layer.weight, layer.recurrent_weight, *constants, None)
        learned = any(c.requires_grad for c in constants)
        keep_current.append(learned or not dynamics.detach_reset)
        inputs = units
    fixed, weight = None, None
    if readout is not None:
        weight = readout.weight
        classes = weight.shape[1]
        gain = _one_minus(readout.beta) if readout.leak_scaled_input else 1.0
        constants = (_constant(c, classes, dtype) for c in (readout.alpha, readout.beta, gain))
        fixed = Readout(classes, *constants)
    spec = Spec(x, batch, steps, dtype, tuple(stages), fixed, tuple(keep_current))
    wants = isinstance(x, Tensor) and x.requires_grad
    return _Prepared(spec, x if wants else None, [*tensors, weight])


def lif_layer(
    x: Tensor | EventBatch | EventStore,
    weight: Tensor,
    recurrent_weight: Tensor | None,
    alpha: Constant,
    beta: Constant,
    dynamics: LIFDynamics,
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Run a layer of LIF neurons over a sequence that starts from rest.

    Args:
        x: events, or counts ``[batch, step, input]``, which may want a gradient.
        weight: ``[input, unit]``; its dtype, float32 or float64, is the computation's.
        recurrent_weight: ``[unit, unit]`` or None.
        alpha: decay of the synaptic current per step, scalar or ``[unit]``.
        beta: decay of the membrane potential per step, scalar or ``[unit]``.
        dynamics: threshold, surrogate, reset and timing.
        mask: factor on the spikes that the recurrent weights see, ``[batch, step or 1, unit]``.

    Returns:
        Spikes ``[batch, step, unit]`` before dropout, and their counts ``[batch, unit]``.
    """
    layer = LIFParameters(weight, recurrent_weight, alpha, beta, dynamics, mask)
    prepared = _prepare(x, [layer], None, None)
    spikes, counts = Network.apply(prepared.spec, prepared.x, *prepared.tensors)
    return spikes, counts


def encoder_layer(x: Tensor, encoder: EncoderParameters) -> Tensor:
    """Encode analog signals ``[batch, step, channel]`` as spikes ``[batch, step, unit]``."""
    prepared = _prepare(x, [], None, encoder)
    spikes, _ = Network.apply(prepared.spec, None, *prepared.tensors)
    return spikes


def network(
    x: Tensor | EventBatch | EventStore,
    layers: Sequence[LIFParameters],
    readout: ReadoutParameters,
    encoder: EncoderParameters | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Run hidden layers one after another, and a readout.

    Args:
        x: events, counts ``[batch, step, unit]``, or analog ``[batch, step, channel]`` if there is
            an encoder.
        layers: one or several; the spikes of each, after its dropout, are the next one's input.
        readout: fed by the last layer.
        encoder: turns analog input into spikes.

    Returns:
        The readout's trace ``[batch, step + 1, class]`` and each hidden layer's spike counts
        ``[batch, unit]``, all with gradients.
    """
    prepared = _prepare(x, layers, readout, encoder)
    trace, *counts = Network.apply(prepared.spec, prepared.x, *prepared.tensors)
    return trace, counts[encoder is not None :]


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
    x: Tensor | EventBatch | EventStore,
    labels: Tensor,
    layers: Sequence[LIFParameters],
    readout: ReadoutParameters,
    encoder: EncoderParameters | None = None,
    class_weights: Tensor | None = None,
    spike_rate: float = 0.0,
) -> StepOutput:
    """Loss and all gradients in one pass: each block of samples goes forward and back at once.

    The logits are the maxima of the readout over time, the loss their weighted negative
    log-likelihood plus ``spike_rate`` for every hidden spike. No trace of the batch is ever kept.

    Args:
        x: as in :func:`network`, without a gradient.
        labels: ``[batch]``.
        layers: hidden layers.
        readout: fed by the last one.
        encoder: turns analog input into spikes, which are not penalised.
        class_weights: ``[class]`` or None.
        spike_rate: penalty per spike.
    """
    spec, _, tensors = _prepare(x, layers, readout, encoder)
    if class_weights is None:
        weight = torch.full((spec.batch,), 1.0 / max(spec.batch, 1), dtype=spec.dtype)
    else:
        weight = class_weights[labels]
        weight = weight / weight.sum()
    if labels.numel() != spec.batch or not 0 <= labels.min() <= labels.max() < spec.readout.classes:
        raise IndexError(f"labels must be {spec.batch} classes in 0..{spec.readout.classes - 1}")
    loss, nll, penalty, logits, *counts = TrainingStep.apply(
        spec, labels, weight, spike_rate, *tensors
    )
    return StepOutput(loss, nll, penalty, logits, counts)
