"""Spikes, potentials and decisions in TensorBoard, and in other loggers that take figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure
from pydantic import Field
from torch import nn

from snn.network.evaluating import evaluating
from snn.plots import potentials, raster, readout
from snn.training.trackers import send_figure, takes_figures

Count = Annotated[int, Field(gt=0)]
NEURONS = 3  # whose potentials are drawn


class SpikeRaster(pl.Callback):
    """Draws what happens in the network in a few samples that are held out from training.

    Input and hidden spikes of each sample; of the first sample also the potentials of the neurons
    that spike most, with their threshold, and the traces of the readout with the moment of
    decision. One narrow image each, which the gallery of TensorBoard shows at full size.

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
        for tag, figure in self.draw(trainer.datamodule, pl_module).items():
            for logger in loggers:
                send_figure(logger, tag, figure, epoch)

    def draw(
        self, datamodule: pl.LightningDataModule, module: pl.LightningModule
    ) -> dict[str, Figure]:
        """The figures for the network as it is now, by their tags."""
        split = datamodule.train if datamodule.val is None else datamodule.val
        # evenly spaced, since a split may be sorted by class
        inputs, labels = split[torch.linspace(0, len(split) - 1, self.samples).long()]
        with evaluating(module.network), torch.no_grad():
            inputs = inputs.to(module.device)
            trace, output = module.network.trace(inputs), module(inputs)
        predicted = output.logits.argmax(1).tolist()
        names, step = datamodule.class_names, datamodule.time_step
        figures = {}
        for number, (label, guess) in enumerate(zip(labels.tolist(), predicted, strict=True)):
            title = f"class {names[label]}"
            if label != guess:
                title += f", taken for {names[guess]}"
            one = slice(number, number + 1)
            spikes = [layer[one] for layer in (trace.input, *trace.spikes)]
            figures[f"spikes/sample_{number + 1}"] = raster(spikes, [title], step)
        return figures | _inside(module.network, trace, names, labels.tolist(), step)


def _inside(
    network: nn.Module, trace: Any, names: Sequence[str], labels: Sequence[int], step: float
) -> dict[str, Figure]:
    """Potentials and readout of the first sample, of a network whose trace tells them."""
    figures = {}
    for number, layer in enumerate(getattr(network, "hidden", ())):
        dynamics = getattr(layer, "dynamics", None)
        if dynamics is not None and hasattr(trace, "potentials"):
            most = trace.spikes[number][0].sum(0).argsort(descending=True, stable=True)
            figures[f"potentials/hidden_layer_{number + 1}"] = potentials(
                trace,
                number,
                neurons=most[:NEURONS].tolist(),
                threshold=dynamics.threshold,
                time_step=step,
                currents=False,
            )
    if hasattr(trace, "output") and hasattr(network, "logit_rule"):
        figures["readout"] = readout(trace, names, labels, network.logit_rule, [0], step)
    return figures
