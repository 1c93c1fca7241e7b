"""Loss and gradients of a training step in one pass, where the kernels have one."""

from __future__ import annotations

import torch
from torch import Tensor

from snn.events import EventBatch, EventStore
from snn.hooks import bypassed
from snn.kernels import ops
from snn.losses import ClassificationLoss, SpikeRegularizer
from snn.network import SpikingNetwork


def fused_step(
    network: SpikingNetwork,
    x: Tensor | EventBatch | EventStore,
    labels: Tensor,
    loss: ClassificationLoss,
    regularizer: SpikeRegularizer,
) -> ops.StepOutput | None:
    """The step, or None where this combination has no fused kernel or no gradient is wanted.

    There is one for the NLL of maxima over time and a regulariser without L2 term, which would
    couple the samples of a batch. Labels may be smoothed, unless classes have weights. Nor is there
    one for subclasses and modules with hooks, which have to be called.

    Args:
        network: the network; its backend decides too.
        x: events, spike counts or analog input, as its ``forward`` takes them.
        labels: int64 ``[batch]``.
        loss: of the logits.
        regularizer: of the spike counts.
    """
    fused = (
        torch.is_grad_enabled()
        and not bypassed(network, SpikingNetwork)
        and not bypassed(loss, ClassificationLoss)
        and not bypassed(regularizer, SpikeRegularizer)
        and (network.logit_rule, loss.name, regularizer.rate_l2) == ("max", "nll", 0.0)
        and not (loss.smoothing and loss.class_weights is not None)
        and (regularizer.reduction == "sum" or len(network.hidden) == 1)
        and network.backend_for(x) == "cpu"
    )
    if not fused:
        return None
    rate = regularizer.rate
    if regularizer.reduction == "mean":
        rate /= labels.numel() * network.hidden[0].nb_units
    return ops.training_step(
        x,
        labels,
        **network.kernel_arguments(x),
        class_weights=loss.class_weights,
        spike_rate=rate,
        label_smoothing=loss.smoothing,
    )
