"""The functions of :mod:`snn.kernels.api` on the compiled kernels, from checked parameters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from snn.kernels.checked import Prepared
from snn.kernels.cpu.arguments import encoded
from snn.kernels.cpu.arrival import Arrival
from snn.kernels.cpu.operators import run_network
from snn.kernels.cpu.step import TrainingStep
from snn.kernels.parameters import (
    EncoderParameters,
    LIFParameters,
    NeuronParameters,
    ReadoutParameters,
)


def layer(x: Prepared, layer: LIFParameters | NeuronParameters) -> tuple[Tensor, Tensor]:
    """Spikes after dropout and their counts before it."""
    spikes, (counts,) = run_network(encoded(x, [layer], None, None))
    if layer.mask is not None:
        spikes = spikes * layer.mask.to(spikes.dtype)
    return spikes, counts


def delayed(x: Tensor, taps: Tensor) -> Tensor:
    """A sequence as it arrives after its delays."""
    return Arrival.apply(x, taps)


def encoder_layer(x: Prepared, encoder: EncoderParameters) -> Tensor:
    """Spikes."""
    spikes, _ = run_network(encoded(x, [], None, encoder))
    return spikes


def network(
    x: Prepared,
    layers: Sequence[LIFParameters | NeuronParameters],
    readout: ReadoutParameters,
    encoder: EncoderParameters | None,
) -> tuple[Tensor, list[Tensor]]:
    """The readout's trace and the hidden layers' spike counts."""
    trace, counts = run_network(encoded(x, layers, readout, encoder))
    return trace, counts[encoder is not None :]


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
    """Loss, negative log-likelihood, penalty, logits and spike counts, in one pass."""
    args, labels = encoded(x, layers, readout, encoder), labels.to(torch.int64)
    if class_weights is None:
        weight = torch.full((x.batch,), 1.0 / x.batch, dtype=readout.weight.dtype)
    else:
        weight = class_weights[labels]
        weight = weight / weight.sum()
    run = TrainingStep.apply
    if torch.compiler.is_compiling():  # it is no operator, so it stays outside of a graph
        run = torch.compiler.disable(run)
    loss, nll, penalty, logits, *counts = run(
        args, labels, weight, spike_rate, label_smoothing, *args.parameters
    )
    return loss, nll, penalty, logits, counts
