"""Spiking layers on the GPU, usable from any PyTorch code.

They compute what :mod:`snn.neurons` computes, with its spikes and gradients: input currents of
all steps first, then the time loop of a layer in one kernel, then the gradients of the weights of
all steps at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from snn.events import EventBatch, EventStore
from snn.kernels import surrogates
from snn.kernels.cpu.ops import EncoderParameters, LIFParameters, ReadoutParameters
from snn.kernels.gpu import inputs
from snn.kernels.gpu.autograd import Encoder, Layer, Readout
from snn.kernels.gpu.problem import Constant, LIFSpec, per_unit
from snn.neurons import LIFDynamics


def _as_batch(x: EventBatch | EventStore) -> EventBatch:
    if isinstance(x, EventStore):
        return EventBatch(x, torch.arange(x.nb_samples, device=x.units.device))
    return x


def _run_layer(x: Tensor | EventBatch, p: LIFParameters) -> tuple[Tensor, Tensor]:
    """Spikes after dropout, time-major, and counts. A tensor x is time-major."""
    surrogates.require(p.dynamics.surrogate)
    inputs_, units = p.weight.shape
    given = x.shape[2] if isinstance(x, Tensor) else x.nb_units
    if given != inputs_:
        raise ValueError(f"weight {tuple(p.weight.shape)} for {given} inputs")
    drive = x @ p.weight if isinstance(x, Tensor) else inputs.currents(x, p.weight)
    dynamics = p.dynamics
    gain = 1.0 - p.beta if dynamics.leak_scaled_input else 1.0
    constants = [per_unit(c, units, p.weight) for c in (p.alpha, p.beta, gain)]
    mask = None if p.mask is None else p.mask.to(p.weight.dtype).transpose(0, 1)
    learned = any(c.requires_grad for c in constants)
    keep = torch.is_grad_enabled() and any(
        t.requires_grad for t in (drive, p.recurrent_weight, *constants) if t is not None
    )
    attached = not dynamics.detach_reset and dynamics.reset == "zero"
    spec = LIFSpec(dynamics, keep, keep and (learned or attached))
    return Layer.apply(spec, drive, p.recurrent_weight, *constants, mask)


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
        mask: factor on the outgoing spikes (dropout), ``[batch, step or 1, unit]``.

    Returns:
        Spikes ``[batch, step, unit]`` after dropout, and their counts before it, ``[batch, unit]``.
    """
    x = x.to(weight.dtype).transpose(0, 1) if isinstance(x, Tensor) else _as_batch(x)
    layer = LIFParameters(weight, recurrent_weight, alpha, beta, dynamics, mask)
    sent, counts = _run_layer(x, layer)
    return sent.transpose(0, 1), counts


def encoder_layer(x: Tensor, encoder: EncoderParameters) -> Tensor:
    """Encode analog signals ``[batch, step, channel]`` as spikes ``[step, batch, unit]``.

    Raises:
        ValueError: the decay wants a gradient, which the encoder has none of, or the surrogate has
            no kernel.
    """
    surrogates.require(encoder.surrogate)
    gain, bias = encoder.gain, encoder.bias
    beta = per_unit(encoder.beta, gain.numel(), gain)
    if beta.requires_grad:
        raise ValueError("the GPU kernels have no gradient of an encoder's decay")
    copies = gain.numel() // x.shape[2]
    currents = gain * (x.to(gain.dtype).tile(1, 1, copies) + bias)
    return Encoder.apply(currents, beta, (encoder.threshold, encoder.scale), encoder.surrogate)


def leaky_readout(sent: Tensor, readout: ReadoutParameters) -> Tensor:
    """The trace ``[batch, step + 1, class]`` from spikes ``[step, batch, unit]``.

    Raises:
        ValueError: a constant wants a gradient, which the readout has none of.
    """
    classes = readout.weight.shape[1]
    gain = 1.0 - readout.beta if readout.leak_scaled_input else 1.0
    constants = [per_unit(c, classes, readout.weight) for c in (readout.alpha, readout.beta, gain)]
    if any(c.requires_grad for c in constants):
        raise ValueError("the GPU kernels have no gradient of the readout's constants")
    return Readout.apply(sent @ readout.weight, *constants)


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
    dtype = readout.weight.dtype
    if encoder is not None:
        x = x if isinstance(x, Tensor) else x.to_dense(dtype)
        sent = encoder_layer(x, encoder)
    elif isinstance(x, Tensor):
        sent = x.to(dtype).transpose(0, 1)
    else:
        sent = _as_batch(x)
    counts = []
    for layer in layers:
        sent, n = _run_layer(sent, layer)
        counts.append(n)
    return leaky_readout(sent, readout), counts
