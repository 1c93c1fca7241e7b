"""The functions of :mod:`snn.kernels.api` on the Triton kernels, from checked parameters.

Inside, everything is time-major: input currents of all steps first, then the time loop of a layer
in one kernel, then the gradients of the weights of all steps at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from snn.events import EventBatch
from snn.kernels.checked import Prepared
from snn.kernels.gpu import availability, inputs
from snn.kernels.gpu.autograd import Encoder, Layer, Readout
from snn.kernels.gpu.neurons import run_layer
from snn.kernels.gpu.problem import LIFSpec, per_unit
from snn.kernels.parameters import (
    EncoderParameters,
    LIFParameters,
    NeuronParameters,
    ReadoutParameters,
)
from snn.neurons.delays import delayed as in_operations


def delayed(x: Tensor, taps: Tensor) -> Tensor:
    """A sequence as it arrives after its delays, in PyTorch operations."""
    return in_operations(x, taps)[0]


def source_of(x: Prepared) -> Tensor | EventBatch:
    """Counts ``[step, batch, input]``, or events that may be followed."""
    if isinstance(x.x, Tensor):
        return x.x.transpose(0, 1)
    inputs.require_sound(x.x)
    return x.x


def drive_of(x: Tensor | EventBatch, weight: Tensor) -> Tensor:
    """Input currents ``[step, batch, unit]``. A tensor x is time-major."""
    return x @ weight if isinstance(x, Tensor) else inputs.currents(x, weight)


def mask_of(p: LIFParameters | NeuronParameters, batch: int) -> Tensor | None:
    """Factors of dropout, time-major."""
    if p.mask is None:
        return None
    return p.mask.to(p.weight.dtype).expand(batch, -1, -1).transpose(0, 1)


def lif_constants(p: LIFParameters) -> list[Tensor]:
    """Decays and gain, ``[unit]`` each."""
    gain = 1.0 - p.beta if p.dynamics.leak_scaled_input else 1.0
    return [per_unit(c, p.weight.shape[1], p.weight) for c in (p.alpha, p.beta, gain)]


def lif_spec(p: LIFParameters, drive: Tensor, constants: Sequence[Tensor]) -> LIFSpec:
    """What is fixed about a layer, and what its backward pass will want."""
    dynamics = p.dynamics
    learned = any(c.requires_grad for c in constants)
    keep = torch.is_grad_enabled() and any(
        t.requires_grad for t in (drive, p.recurrent_weight, *constants) if t is not None
    )
    attached = not dynamics.detach_reset and dynamics.reset == "zero"
    return LIFSpec(dynamics, keep, keep and (learned or attached))


def _run_layer(
    x: Tensor | EventBatch, p: LIFParameters | NeuronParameters, batch: int
) -> tuple[Tensor, Tensor]:
    """Spikes after dropout, time-major, and counts. A tensor x is time-major."""
    drive, mask = drive_of(x, p.weight), mask_of(p, batch)
    if isinstance(p, NeuronParameters):
        if reason := availability.neuron_obstacle(p.neuron, p.weight.shape[1]):
            raise ValueError(f"{reason}: take the reference")
        return run_layer(drive, p, mask)
    constants = lif_constants(p)
    return Layer.apply(lif_spec(p, drive, constants), drive, p.recurrent_weight, *constants, mask)


def layer(x: Prepared, layer: LIFParameters | NeuronParameters) -> tuple[Tensor, Tensor]:
    """Spikes after dropout and their counts before it."""
    sent, counts = _run_layer(source_of(x), layer, x.batch)
    return sent.transpose(0, 1), counts


def encoded(x: Tensor, encoder: EncoderParameters) -> Tensor:
    """Spikes ``[step, batch, unit]`` from signals ``[batch, step, channel]``."""
    gain, bias = encoder.gain, encoder.bias
    beta = per_unit(encoder.beta, gain.numel(), gain)
    copies = gain.numel() // x.shape[2]
    currents = gain * (x.tile(1, 1, copies) + bias)
    return Encoder.apply(currents, beta, (encoder.threshold, encoder.scale), encoder.surrogate)


def encoder_layer(x: Prepared, encoder: EncoderParameters) -> Tensor:
    """Spikes."""
    return encoded(x.x, encoder).transpose(0, 1)


def readout_constants(readout: ReadoutParameters) -> list[Tensor]:
    """Decays and gain, ``[class]`` each, without gradients."""
    classes = readout.weight.shape[1]
    gain = 1.0 - readout.beta if readout.leak_scaled_input else 1.0
    constants = readout.alpha, readout.beta, gain
    return [per_unit(c, classes, readout.weight).detach() for c in constants]


def _leaky_readout(sent: Tensor, readout: ReadoutParameters) -> Tensor:
    """The trace ``[batch, step + 1, class]`` from spikes ``[step, batch, unit]``."""
    return Readout.apply(sent @ readout.weight, *readout_constants(readout))


def network(
    x: Prepared,
    layers: Sequence[LIFParameters | NeuronParameters],
    readout: ReadoutParameters,
    encoder: EncoderParameters | None,
) -> tuple[Tensor, list[Tensor]]:
    """The readout's trace and the hidden layers' spike counts."""
    sent = source_of(x) if encoder is None else encoded(x.x, encoder)
    counts = []
    for layer in layers:
        sent, n = _run_layer(sent, layer, x.batch)
        counts.append(n)
    return _leaky_readout(sent, readout), counts


def training_step(
    x: Prepared,
    labels: Tensor,
    layers: Sequence[LIFParameters | NeuronParameters],
    readout: ReadoutParameters,
    encoder: EncoderParameters | None,
    class_weights: Tensor | None,
    spike_rate: float,
    label_smoothing: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, list[Tensor]]:
    """Loss, negative log-likelihood, penalty, logits and spike counts."""
    trace, counts = network(x, layers, readout, encoder)
    logits = trace.max(1).values
    weights = None if class_weights is None else class_weights.to(logits.dtype)
    nll = F.cross_entropy(logits, labels.long(), weights, label_smoothing=label_smoothing)
    penalty = logits.new_zeros(())
    for n in counts:
        penalty = penalty + spike_rate * n.sum()
    plain = (result.detach() for result in (nll, penalty, logits))
    return nll + penalty, *plain, [n.detach() for n in counts]
