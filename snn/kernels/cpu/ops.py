"""Event-driven spiking layers on the CPU, usable from any PyTorch code.

They compute what :mod:`snn.neurons` computes, with its spikes and gradients, from events:
products with spike vectors are sums of weight rows, and samples run through time in small blocks
whose state stays in the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from snn.kernels.cpu import library
from snn.kernels.cpu.operators import run_network
from snn.kernels.cpu.step import TrainingStep
from snn.kernels.parameters import (
    Constant,
    EncoderParameters,
    Input,
    LIFParameters,
    ReadoutParameters,
    arguments,
)
from snn.neurons import LIFDynamics

__all__ = [
    "EncoderParameters",
    "LIFParameters",
    "ReadoutParameters",
    "StepOutput",
    "encoder_layer",
    "instruction_set",
    "lif_layer",
    "network",
    "obstacle",
    "training_step",
]


def obstacle(x: Input, dtype: torch.dtype, device: str) -> str | None:
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


def lif_layer(
    x: Input,
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
    spikes, (counts,) = run_network(arguments(x, [layer], None, None))
    return spikes, counts


def encoder_layer(x: Tensor, encoder: EncoderParameters) -> Tensor:
    """Encode analog signals ``[batch, step, channel]`` as spikes ``[batch, step, unit]``."""
    spikes, _ = run_network(arguments(x, [], None, encoder))
    return spikes


def network(
    x: Input,
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
    trace, counts = run_network(arguments(x, layers, readout, encoder))
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
    x: Input,
    labels: Tensor,
    layers: Sequence[LIFParameters],
    readout: ReadoutParameters,
    encoder: EncoderParameters | None = None,
    class_weights: Tensor | None = None,
    spike_rate: float = 0.0,
    label_smoothing: float = 0.0,
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
        label_smoothing: share of each label that is spread over all classes; not together with
            class weights.

    Raises:
        ValueError: both were given.
    """
    if label_smoothing and class_weights is not None:
        raise ValueError("the fused step has no label smoothing with class weights")
    args = arguments(x, layers, readout, encoder)
    batch, classes = x.shape[0] if isinstance(x, Tensor) else len(x), readout.weight.shape[1]
    if labels.shape != (batch,) or not _all_below(labels, classes):
        raise IndexError(f"labels must be {batch} classes in 0..{classes - 1}")
    if args.x.requires_grad:
        raise ValueError("a fused training step has no gradient of its input; take network()")
    if class_weights is None:
        weight = torch.full((batch,), 1.0 / max(batch, 1), dtype=readout.weight.dtype)
    else:
        weight = class_weights[labels]
        weight = weight / weight.sum()
    run = TrainingStep.apply
    if torch.compiler.is_compiling():  # it is no operator, so it stays outside of a graph
        run = torch.compiler.disable(run)
    loss, nll, penalty, logits, *counts = run(
        args, labels.to(torch.int64), weight, spike_rate, label_smoothing, *args.parameters
    )
    return StepOutput(loss, nll, penalty, logits, counts)


def _all_below(labels: Tensor, classes: int) -> bool:
    """Whether all labels are classes; there has to be one."""
    low, high = (int(label) for label in labels.aminmax())
    return low >= 0 and high < classes
