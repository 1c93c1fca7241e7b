"""Classification losses and the regulariser on spike counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn.errors import ConfigError

LossName = Literal["nll", "multi_margin"]
Reduction = Literal["sum", "mean"]

# name -> mean loss from (logits [batch, class], labels [batch], class weights [class] or None)
LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor | None], Tensor]] = {
    # thesis eq. 15
    "nll": lambda logits, y, weight: F.nll_loss(logits.log_softmax(1), y, weight=weight),
    "multi_margin": lambda logits, y, weight: F.multi_margin_loss(logits, y, weight=weight),
}
assert set(LOSSES) == set(get_args(LossName))


class ClassificationLoss(nn.Module):
    """A named loss with optional weights per class.

    Args:
        name: a key of :data:`LOSSES`.
        class_weights: ``[class]``; None weighs all alike.
        label_smoothing: while training, the share of each label that is spread over all classes
            (Szegedy et al. 2016, CVPR, sec. 7). Evaluation has none, so that its losses can be
            compared. For ``nll`` alone.

    Raises:
        ConfigError: the loss cannot smooth labels.
    """

    def __init__(
        self,
        name: LossName = "nll",
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        if label_smoothing and name != "nll":
            raise ConfigError("model.label_smoothing", label_smoothing, "null, unless loss_fn=nll")
        self.name, self.label_smoothing = name, label_smoothing
        dtype = torch.get_default_dtype()
        weight = None if class_weights is None else torch.tensor(class_weights, dtype=dtype)
        self.register_buffer("class_weights", weight)

    @property
    def smoothing(self) -> float:
        """Label smoothing as it is now: none in evaluation."""
        return self.label_smoothing if self.training else 0.0

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Scalar loss from ``[batch, class]`` logits and ``[batch]`` labels."""
        if self.smoothing:
            weight, share = self.class_weights, self.smoothing
            return F.cross_entropy(logits, labels, weight=weight, label_smoothing=share)
        return LOSSES[self.name](logits, labels, self.class_weights)


class SpikeRegularizer(nn.Module):
    r"""Penalty on spike counts (thesis eq. 16-17; L2 term of SpyTorch's tutorial 4).

    With :math:`n_{bi}` the spikes of neuron i in sample b, and :math:`N_i = \sum_b n_{bi}`,

    .. math:: \text{rate} \sum_{bi} n_{bi}  + \text{rate}_2\, \operatorname{mean}_i N_i^2

    for each layer, summed over layers; ``reduction="mean"`` takes the mean over batch and
    neurons in the first term (SpyTorch's tutorial 5). The counts keep their gradient.

    Args:
        rate: strength of the first term.
        reduction: ``sum`` or ``mean``.
        rate_l2: strength of the second term.
    """

    def __init__(self, rate: float = 0.0, reduction: Reduction = "sum", rate_l2: float = 0.0):
        super().__init__()
        self.rate, self.reduction, self.rate_l2 = rate, reduction, rate_l2

    def forward(self, spike_counts: Sequence[Tensor]) -> Tensor:
        """Scalar penalty from the layers' ``[batch, unit]`` counts."""
        if not spike_counts:  # of a network without spikes
            return torch.zeros(())
        penalty = spike_counts[0].new_zeros(())
        for counts in spike_counts:
            if self.rate:
                l1 = counts.sum() if self.reduction == "sum" else counts.mean()
                penalty = penalty + self.rate * l1
            if self.rate_l2:
                penalty = penalty + self.rate_l2 * counts.sum(0).square().mean()
        return penalty
