"""The LightningModule: loss, metrics and optimizer around a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from torch import Tensor, nn

from snn.events import EventBatch
from snn.fused import fused_step
from snn.losses import ClassificationLoss, SpikeRegularizer
from snn.metrics import SplitMetrics
from snn.network import NetworkOutput, SpikingNetwork

Batch = tuple[EventBatch | Tensor, Tensor]

ON_THE_BAR = {"running/loss", "train/accuracy", "val/accuracy"}


class SpikingClassifier(pl.LightningModule):
    """Trains a spiking network as a classifier.

    Metrics are named ``<split>/<metric>``. Those of ``running`` are means over the batches of an
    epoch while the weights change; those of ``train``, ``val`` and ``test`` are measured in a
    pass of their own with the weights of that moment.

    Args:
        network: gives logits and spike counts.
        loss: from logits and labels.
        regularizer: from spike counts; added to the loss.
        nb_classes: number of classes.
        optimizer: from parameters to an optimizer.
        scheduler: from an optimizer to a learning-rate scheduler, stepped once per epoch.
    """

    def __init__(
        self,
        network: SpikingNetwork,
        loss: ClassificationLoss,
        regularizer: SpikeRegularizer,
        nb_classes: int,
        optimizer: Callable,
        scheduler: Callable | None = None,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.regularizer = network, loss, regularizer
        self.make_optimizer, self.make_scheduler = optimizer, scheduler
        self.nb_classes = nb_classes
        self.split_metrics = nn.ModuleDict()
        self.results: dict[str, float] = {}
        """Values of the last evaluation pass."""

    def metrics_of(self, split: str) -> SplitMetrics:
        """The accumulators of a split, made when it is first seen."""
        key = f"on_{split}"  # a ModuleDict has no room for the name "train"
        if key not in self.split_metrics:
            sizes = [layer.nb_units for layer in self.network.hidden]
            self.split_metrics[key] = SplitMetrics(self.nb_classes, sizes).to(self.device)
        return self.split_metrics[key]

    def forward(self, x: EventBatch | Tensor) -> NetworkOutput:
        """Logits ``[batch, class]`` and spike counts of each hidden layer."""
        return self.network(x)

    def step(self, batch: Batch, split: str) -> Tensor:
        """Loss of a batch, counted in the split's metrics."""
        x, labels = batch
        output = fused_step(self.network, x, labels, self.loss, self.regularizer)
        if output is None:
            output = self(x)
            loss, penalty = self.loss(output.logits, labels), self.regularizer(output.spike_counts)
            total = loss + penalty
        else:
            total, loss, penalty = output.loss, output.nll, output.penalty
        nb_steps = x.shape[1] if isinstance(x, Tensor) else x.nb_steps
        self.metrics_of(split).update(
            output.logits.detach(),
            labels,
            output.spike_counts,
            nb_steps,
            loss.detach(),
            penalty.detach(),
        )
        return total

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return self.step(batch, "running")

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.step(batch, self.trainer.datamodule.val_splits[dataloader_idx])

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.step(batch, self.trainer.datamodule.test_splits[dataloader_idx])

    def collect(self, splits: tuple[str, ...]) -> dict[str, float]:
        """Values of these splits since the epoch began."""
        return {
            f"{split}/{name}": value.item()
            for split in splits
            for name, value in self.metrics_of(split).compute().items()
        }

    def publish(self, values: dict[str, float]) -> None:
        """Log values against the epoch, which runs of different batch sizes have in common."""
        for name, value in values.items():
            self.log(name, value, prog_bar=name in ON_THE_BAR)
        self.log("step", float(self.current_epoch))

    def on_train_epoch_start(self) -> None:
        self.metrics_of("running").reset()

    def on_train_epoch_end(self) -> None:
        self.publish(self.collect(("running",)))

    def on_validation_epoch_start(self) -> None:
        for split in self.trainer.datamodule.val_splits:
            self.metrics_of(split).reset()

    def on_validation_epoch_end(self) -> None:
        self.results = self.collect(self.trainer.datamodule.val_splits)
        if not self.trainer.sanity_checking:
            self.publish(self.results)

    def on_test_epoch_start(self) -> None:
        for split in self.trainer.datamodule.test_splits:
            self.metrics_of(split).reset()

    def on_test_epoch_end(self) -> None:
        self.results = self.collect(self.trainer.datamodule.test_splits)

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.parameters())
        if self.make_scheduler is None:
            return optimizer
        return [optimizer], [self.make_scheduler(optimizer)]
