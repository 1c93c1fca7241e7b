"""The confusion matrix in TensorBoard, and in other loggers that take figures."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix

from snn.plots import confusion
from snn.training.trackers import send_figure, takes_figures


class ConfusionMatrix(pl.Callback):
    """Draws the confusion matrix of the final weights when they are measured at a run's end.

    Of the validation part, so that runs that are compared are not chosen by their tests; without
    one of the test part, and with ``test=false`` of the training part.
    """

    def __init__(self) -> None:
        self._answers: list[Tensor] = []
        self._labels: list[Tensor] = []
        self._split, self._drawn = "", False

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._drawn = False

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._answers, self._labels = [], []
        order = ("val", "test", "train")
        self._split = next(split for split in order if split in pl_module.tested_splits)

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Tensor,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if not self._drawn and pl_module.tested_splits[dataloader_idx] == self._split:
            self._answers.append(outputs.argmax(1))
            self._labels.append(batch[1])

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        loggers = [logger for logger in trainer.loggers if takes_figures(logger)]
        datamodule = trainer.datamodule
        if self._drawn or not loggers or datamodule is None or not self._answers:
            return  # the second measurement is that of the best weights
        self._drawn = True
        answers, labels = torch.cat(self._answers).cpu(), torch.cat(self._labels).cpu()
        matrix = multiclass_confusion_matrix(answers, labels, pl_module.nb_classes)
        title = f"{self._split} part, final weights"
        figure = confusion(matrix, datamodule.class_names, title)
        for logger in loggers:
            send_figure(logger, "confusion", figure, trainer.current_epoch)
            logger.save()
