"""Loss and gradients of a training step in one, where a backend has that."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from functools import partial

import torch
from torch import Tensor

from snn import kernels
from snn.events import EventBatch, EventStore
from snn.kernels.gpu import steps
from snn.network import NetworkOutput, SpikingNetwork
from snn.network.hooks import bypassed
from snn.training.losses import ClassificationLoss, SpikeRegularizer


def plain_step(
    network: Callable[..., NetworkOutput],
    x: Tensor | EventBatch | EventStore,
    labels: Tensor,
    loss: ClassificationLoss,
    regularizer: SpikeRegularizer,
) -> kernels.StepOutput:
    """The same step of any network, with its gradients left to autograd."""
    output = network(x)
    nll, penalty = loss(output.logits, labels), regularizer(output.spike_counts)
    return kernels.StepOutput(nll + penalty, nll, penalty, output.logits, output.spike_counts)


def fused_step(
    network: SpikingNetwork,
    x: Tensor | EventBatch | EventStore,
    labels: Tensor,
    loss: ClassificationLoss,
    regularizer: SpikeRegularizer,
) -> kernels.StepOutput | None:
    """The step, or None where this combination has none or no gradient is wanted.

    On the CPU it is one pass over the samples: for the NLL of maxima over time and a regulariser
    without L2 term, which would couple the samples of a batch. Labels may be smoothed, unless
    classes have weights. On a GPU it is a replay of the kernels that such a step launched before,
    whatever they compute. Neither is there for subclasses and modules with hooks, which have to be
    called.

    Args:
        network: the network; its backend decides too.
        x: events, spike counts or analog input, as its ``forward`` takes them.
        labels: int64 ``[batch]``.
        loss: of the logits.
        regularizer: of the spike counts.
    """
    if not torch.is_grad_enabled() or bypassed_any(network, loss, regularizer):
        return None
    backend = network.backend_for(x)
    if backend == "gpu":
        step = partial(plain_step, network, loss=loss, regularizer=regularizer)
        return _replayed(step, network, settings_of(network, loss, regularizer), x, labels)
    fused = (
        backend == "cpu"
        and network.one_call
        and (network.logit_rule, loss.name, regularizer.rate_l2) == ("max", "nll", 0.0)
        and not (loss.smoothing and loss.class_weights is not None)
        and (regularizer.reduction == "sum" or len(network.hidden) == 1)
    )
    if not fused:
        return None
    rate = regularizer.rate
    if regularizer.reduction == "mean":
        rate /= labels.numel() * network.hidden[0].nb_units
    return kernels.training_step(
        x,
        labels,
        **network.kernel_arguments(x),
        class_weights=loss.class_weights,
        spike_rate=rate,
        label_smoothing=loss.smoothing,
    )


def bypassed_any(
    network: SpikingNetwork, loss: ClassificationLoss, regularizer: SpikeRegularizer
) -> bool:
    """Whether a step that calls none of them would leave something out."""
    kinds = (network, SpikingNetwork), (loss, ClassificationLoss), (regularizer, SpikeRegularizer)
    return any(bypassed(module, kind) for module, kind in kinds)


def _replayed(
    step: Callable[..., kernels.StepOutput],
    network: SpikingNetwork,
    settings: Hashable,
    x: Tensor | EventBatch | EventStore,
    labels: Tensor,
) -> kernels.StepOutput | None:
    if isinstance(x, EventStore) or any(layer.reads_input for layer in network.hidden):
        return None

    def objective(x: Tensor | EventBatch, labels: Tensor) -> tuple[Tensor, ...]:
        *results, counts = step(x=x, labels=labels)
        return *results, *counts

    parameters = list(network.parameters())
    results = steps.captured(network, settings, objective, parameters, x, labels)
    return None if results is None else kernels.StepOutput(*results[:4], list(results[4:]))


def settings_of(
    network: SpikingNetwork, loss: ClassificationLoss, regularizer: SpikeRegularizer
) -> Hashable:
    """What is not a tensor of the network, and decides what a step computes."""
    weights, encoder, readout = loss.class_weights, network.encoder, network.readout
    decays = [readout.alpha, readout.beta]
    layers = []
    for layer in network.hidden:
        dropout = (layer.dropout, layer.dropout_mask) if layer.training else None
        layers.append((layer.settings(), dropout))
    if encoder is not None:
        decays.append(encoder.beta)
        encoder = encoder.threshold, encoder.scale, encoder.surrogate
    return (
        network.logit_rule,
        *layers,
        encoder,
        readout.leak_scaled_input,
        *(d.factor for d in decays if d.logit is None and isinstance(d.factor, float)),
        *(p.requires_grad for p in network.parameters()),
        (loss.name, loss.smoothing, None if weights is None else weights.data_ptr()),
        (regularizer.rate, regularizer.reduction, regularizer.rate_l2),
        torch.get_float32_matmul_precision(),
        torch.is_autocast_enabled(),
        os.environ.get("SNN_GPU_INPUT"),
    )
