"""The LightningModule: loss, metrics and optimizer around a network."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable
from typing import Any, Self

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from snn.errors import DivergedError, RunError
from snn.events import EventBatch
from snn.network import NetworkOutput, SpikingNetwork
from snn.network.delays import Delays
from snn.network.layers import Decay
from snn.network.neuron_parameter import NeuronParameter
from snn.training import company
from snn.training.joint import step_of
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.metrics import SplitMetrics
from snn.training.step import fused_step, plain_step

logger = logging.getLogger(__name__)  # a module has a method log

Batch = tuple[EventBatch | Tensor, Tensor]

ON_THE_BAR = {"running/loss", "train/accuracy", "val/accuracy"}


class SpikingClassifier(pl.LightningModule):
    """Trains a spiking network as a classifier.

    Metrics are named ``<split>/<metric>``. Those of ``running`` are means over the batches of an
    epoch while the weights change, with labels smoothed if they are; those of ``train``, ``val``
    and ``test`` are measured in a pass of their own with the weights of that moment.

    Args:
        network: gives logits and spike counts; the sizes of its layers are ``hidden[i].nb_units``.
            A network without spikes has no ``hidden`` and gives no counts.
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
        self.validated_epoch: int | None = None
        self.told_silent: set[int] = set()
        """Layers of which it was said that none of their neurons spikes."""
        self.tested_splits: tuple[str, ...] = ("test",)
        """Names of the loaders of a test pass, in its order."""

    def __setattr__(self, name: str, value: Any) -> None:
        # Set by Lightning some sixty times a training step; that it is no parameter, buffer or
        # module takes PyTorch longer to find out than all the rest of a hook that does nothing.
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def metrics_of(self, split: str) -> SplitMetrics:
        """The accumulators of a split, made when it is first seen."""
        key = f"on_{split}"  # a ModuleDict has no room for the name "train"
        if key not in self.split_metrics:
            spiking = getattr(self.network, "hidden", ())  # none of a network without spikes
            sizes = [layer.nb_units for layer in spiking]
            self.split_metrics[key] = SplitMetrics(self.nb_classes, sizes).to(self.device)
        return self.split_metrics[key]

    def forward(self, x: EventBatch | Tensor) -> NetworkOutput:
        """Logits ``[batch, class]`` and spike counts of each hidden layer."""
        return self.network(x)

    def step(self, batch: Batch, split: str) -> tuple[Tensor, Tensor]:
        """Loss and logits ``[batch, class]`` of a batch, counted in the split's metrics."""
        x, labels = batch
        given = self.network, x, labels, self.loss, self.regularizer
        company.check()
        output = company.meet(lambda: step_of(*given)) if torch.is_grad_enabled() else None
        if output is None:
            output = fused_step(*given)
        if output is None:
            output = plain_step(self, x, labels, self.loss, self.regularizer)
        nb_steps = x.shape[1] if isinstance(x, Tensor) else x.nb_steps
        self.metrics_of(split).update(
            output.logits.detach(),
            labels,
            output.spike_counts,
            nb_steps,
            output.nll.detach(),
            output.penalty.detach(),
        )
        return output.loss, output.logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return self.step(batch, "running")[0]

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.step(batch, self.trainer.datamodule.val_splits[dataloader_idx])

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        """Logits ``[batch, class]``, for callbacks."""
        return self.step(batch, self.tested_splits[dataloader_idx])[1]

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
        if isinstance(self.network, SpikingNetwork):
            self.network.set_progress(self.current_epoch / max(self.trainer.max_epochs or 1, 1))

    def on_train_epoch_end(self) -> None:
        values = self.collect(("running",))
        # Weights too: a maximum over time may pass by a potential that is not a number.
        finite = all(bool(p.isfinite().all()) for p in self.parameters())
        if not math.isfinite(values["running/loss"]) or not finite:
            # Said before the epoch's checkpoint is written, so that the last good one stays.
            what = f"the training loss became {values['running/loss']}"
            raise DivergedError(
                f"{what if finite else 'weights became infinite or NaN'} in epoch "
                f"{self.current_epoch + 1}: try a smaller optimizer.lr, or "
                "trainer.gradient_clip_val=1"
            )
        self._tell_of_silence(values)
        self.publish(values)
        self._step_plateaus()

    def _tell_of_silence(self, values: dict[str, float]) -> None:
        """Once for each layer none of whose neurons spiked in a whole epoch: it rarely recovers.

        Nothing passes through such a layer, and with it the weights of all later ones are lost.
        """
        layers = len(getattr(self.network, "hidden", ()))
        each = " (a list has one for each layer)" if layers > 1 else ""
        for i in range(layers):
            silent = values.get(f"running/hidden{i}/silent_share") == 1.0
            if silent and i not in self.told_silent:
                self.told_silent.add(i)
                logger.warning(
                    "hidden%d: no neuron spiked in epoch %d, so that nothing passes this layer; "
                    "try a larger model.weight_scale%s or a smaller model.regularizer",
                    i,
                    self.current_epoch + 1,
                    each,
                )

    def _step_plateaus(self) -> None:
        """Tell schedulers that watch a metric of this epoch's validation pass.

        Lightning would do so after the epoch's checkpoint: a run that goes on from that would miss
        the epoch.
        """
        if self.validated_epoch == self.current_epoch:
            for config in self.trainer.lr_scheduler_configs:
                if config.reduce_on_plateau:
                    config.scheduler.step(self.results[config.monitor])

    def on_validation_epoch_start(self) -> None:
        for split in self.trainer.datamodule.val_splits:
            self.metrics_of(split).reset()

    def on_validation_epoch_end(self) -> None:
        self.results = self.collect(self.trainer.datamodule.val_splits)
        if not self.trainer.sanity_checking:
            self.validated_epoch = self.current_epoch
            self.publish(self.results)

    def on_test_epoch_start(self) -> None:
        for split in self.tested_splits:
            self.metrics_of(split).reset()

    def on_test_epoch_end(self) -> None:
        self.results = self.collect(self.tested_splits)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """All parameters, those of neurons apart: a weight decay is not for them.

        It would pull each time constant towards a decay of 1/2 per step.
        """
        kinds = Decay, NeuronParameter, Delays
        decays = [p for m in self.modules() if isinstance(m, kinds) for p in m.parameters()]
        special = {id(p) for p in decays}
        groups = [{"params": [p for p in self.parameters() if id(p) not in special]}]
        return [*groups, {"params": decays, "weight_decay": 0.0}] if decays else groups

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """As Lightning's; then parameters that have a range are brought back into it."""
        super().optimizer_step(*args, **kwargs)
        if isinstance(self.network, SpikingNetwork):
            self.network.keep_in_range()

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.parameter_groups())
        if self.make_scheduler is None:
            return optimizer
        scheduler = self.make_scheduler(optimizer)
        if not isinstance(scheduler, ReduceLROnPlateau):
            return [optimizer], [scheduler]
        split = self.trainer.datamodule.val_splits[0]  # of training, if that is all
        watched = f"{split}/{getattr(scheduler, 'monitor', 'loss')}"
        never = sys.maxsize  # see _step_plateaus
        return [optimizer], [{"scheduler": scheduler, "monitor": watched, "frequency": never}]

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> Self:
        """As Lightning's, where all arguments of the constructor are given.

        Raises:
            RunError: they are not: a checkpoint holds weights, and the network that they belong to
                stands in the run's ``config.json``.
        """
        needed = {"network", "loss", "regularizer", "nb_classes", "optimizer"}
        if missing := sorted(needed - set(kwargs)):
            raise RunError(
                f"{checkpoint_path}: a checkpoint holds weights alone; give {', '.join(missing)} "
                "as keywords, or take snn.load(RUN), which makes the network from the run's "
                "config.json"
            )
        return super().load_from_checkpoint(checkpoint_path, *args, **kwargs)
