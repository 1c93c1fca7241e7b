"""Spike rasters in TensorBoard, and in other loggers that take figures."""

from __future__ import annotations

from typing import Annotated

import pytorch_lightning as pl
import torch
from pydantic import Field

from snn.plots import raster
from snn.training.trackers import send_figure, takes_figures

Count = Annotated[int, Field(gt=0)]


class SpikeRaster(pl.Callback):
    """Draws input and hidden spikes of a few samples that are held out from training.

    The samples come from the validation part, or from the training part where there is none.
    Nothing is drawn of a network without ``trace``.

    Args:
        samples: how many.
        every_n_epochs: how often; the last epoch is always drawn.
    """

    def __init__(self, samples: Count = 4, every_n_epochs: Count = 10) -> None:
        self.samples, self.every_n_epochs = samples, every_n_epochs

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch
        last = epoch + 1 == trainer.max_epochs
        loggers = [logger for logger in trainer.loggers if takes_figures(logger)]
        if not loggers or not (last or epoch % self.every_n_epochs == 0):
            return
        if not hasattr(pl_module.network, "trace"):
            return
        figure = self.draw(trainer.datamodule, pl_module)
        for logger in loggers:
            send_figure(logger, "spikes", figure, epoch)

    def draw(self, datamodule: pl.LightningDataModule, module: pl.LightningModule):
        """The figure for the network as it is now."""
        split = datamodule.train if datamodule.val is None else datamodule.val
        # evenly spaced, since a split may be sorted by class
        inputs, labels = split[torch.linspace(0, len(split) - 1, self.samples).long()]
        training = module.network.training
        module.network.eval()
        with torch.no_grad():
            inputs = inputs.to(module.device)
            trace, output = module.network.trace(inputs), module(inputs)
        module.network.train(training)
        predicted = output.logits.argmax(1).tolist()
        names = datamodule.class_names
        titles = [
            f"class {names[label]}" + ("" if label == guess else f", taken for {names[guess]}")
            for label, guess in zip(labels.tolist(), predicted, strict=True)
        ]
        return raster(trace, titles, datamodule.time_step)
