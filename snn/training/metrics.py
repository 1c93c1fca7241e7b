"""Metrics of one data split: losses, accuracy, and the activity of each hidden layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

# A neuron that spikes in more than half of all steps carries hardly any timing.
SATURATED_RATE = 0.5


class BatchMean(Metric):
    """Mean of a value per batch, weighted by the batch's size.

    Unlike torchmetrics' ``MeanMetric`` it never looks at a value, for which a GPU would have to
    stop; a mean over a batch that is not a number is not a number.
    """

    full_state_update = False
    total: Tensor
    samples: Tensor

    def __init__(self) -> None:
        super().__init__()
        zero = torch.zeros((), dtype=torch.get_default_dtype())
        self.add_state("total", zero.clone(), dist_reduce_fx="sum")
        self.add_state("samples", zero.clone(), dist_reduce_fx="sum")

    def update(self, value: Tensor, samples: int) -> None:
        """Add the scalar mean over a batch of so many samples."""
        self.total += value.to(self.total.dtype) * samples
        self.samples += samples

    def compute(self) -> Tensor:
        """The mean over all samples."""
        return self.total / self.samples


class Activity(Metric):
    """Firing of one layer: rate, silent and saturated neurons, spikes per sample.

    A neuron is silent if it does not spike in any sample, and saturated if it spikes in more
    than :data:`SATURATED_RATE` of all steps.
    """

    full_state_update = False
    counts: Tensor
    samples: Tensor
    steps: Tensor

    def __init__(self, nb_units: int) -> None:
        super().__init__()
        zero = torch.zeros((), dtype=torch.int64)
        self.add_state("counts", torch.zeros(nb_units, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("samples", zero.clone(), dist_reduce_fx="sum")
        self.add_state("steps", zero.clone(), dist_reduce_fx="max")

    def update(self, counts: Tensor, steps: int) -> None:
        """Add a batch: spike counts ``[batch, unit]`` over ``steps`` steps."""
        self.counts += counts.detach().sum(0, dtype=torch.float64)
        self.samples += counts.shape[0]
        self.steps.fill_(steps)

    def compute(self) -> dict[str, Tensor]:
        """Firing rate in spikes per neuron and step, shares of neurons, spikes per sample."""
        rates = self.counts / (self.samples * self.steps)
        return {
            "firing_rate": rates.mean(),
            "silent_share": (self.counts == 0).double().mean(),
            "saturated_share": (rates > SATURATED_RATE).double().mean(),
            "spikes_per_sample": self.counts.sum() / self.samples,
        }


class SplitMetrics(nn.Module):
    """All that is measured on one split in one pass.

    Args:
        nb_classes: number of classes.
        layers: number of neurons of each hidden layer.
    """

    def __init__(self, nb_classes: int, layers: Sequence[int]) -> None:
        super().__init__()
        # Labels were checked when they were loaded; checking each batch would stop a GPU for it.
        self.accuracy = MulticlassAccuracy(nb_classes, average="micro", validate_args=False)
        self.loss, self.nll, self.regularizer = BatchMean(), BatchMean(), BatchMean()
        self.layers = nn.ModuleList([Activity(units) for units in layers])

    def update(
        self,
        logits: Tensor,
        labels: Tensor,
        spike_counts: Sequence[Tensor],
        nb_steps: int,
        nll: Tensor,
        regularizer: Tensor,
    ) -> None:
        """Add a batch: logits ``[batch, class]``, counts ``[batch, unit]``, scalar losses."""
        batch = len(labels)
        self.accuracy.update(logits, labels)
        self.nll.update(nll, batch)
        self.regularizer.update(regularizer, batch)
        self.loss.update(nll + regularizer, batch)
        for activity, counts in zip(self.layers, spike_counts, strict=True):
            activity.update(counts, nb_steps)

    def compute(self) -> dict[str, Tensor]:
        """``loss``, its parts, ``accuracy``, and ``hidden<i>/...`` of each layer."""
        values = {
            "loss": self.loss.compute(),
            "nll": self.nll.compute(),
            "regularizer": self.regularizer.compute(),
            "accuracy": self.accuracy.compute(),
        }
        for i, activity in enumerate(self.layers):
            values |= {f"hidden{i}/{name}": v for name, v in activity.compute().items()}
        return values

    def reset(self) -> None:
        for metric in (self.accuracy, self.loss, self.nll, self.regularizer, *self.layers):
            metric.reset()
