"""Time of epochs and of the whole training."""

from __future__ import annotations

import statistics
import time
from typing import Any

import pytorch_lightning as pl

from snn.training import company


class Stopwatch(pl.Callback):
    """Measures training time; goes on counting when a run is resumed.

    ``epoch_seconds`` is the training part of an epoch alone; ``fit_seconds`` is everything from
    the start of training to its end, without the time lost to an interruption. Where runs share a
    process (:mod:`snn.training.company`), both are the time that passed for all of them, and
    ``together`` says how many those were at most.
    """

    def __init__(self) -> None:
        self.epochs: list[float] = []
        self._before = 0.0
        self._samples = 0
        self.together = 1
        self._fit_start = self._epoch_start = self._epoch_end = 0.0

    @property
    def fit_seconds(self) -> float:
        return self._before + time.perf_counter() - self._fit_start

    def facts(self) -> dict[str, float | None]:
        """The entries of the run's result. No time is known of a run without an epoch."""
        epoch = statistics.median(self.epochs) if self.epochs else None
        return {
            "epochs": len(self.epochs),
            "epoch_seconds": epoch,
            "samples_per_second": self._samples / epoch if epoch else None,
            "fit_seconds": self._before,
            "together": self.together,
        }

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._samples = len(trainer.datamodule.train)
        self._fit_start = time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._epoch_start = time.perf_counter()
        self.together = max(self.together, company.beside())

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            self._epoch_end = time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        end = self._epoch_end if self._epoch_end > self._epoch_start else time.perf_counter()
        seconds = end - self._epoch_start
        self.epochs.append(seconds)
        pl_module.publish(
            {
                "time/epoch_seconds": seconds,
                "time/samples_per_second": self._samples / seconds,
            }
        )

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._before = self.fit_seconds

    def state_dict(self) -> dict[str, Any]:
        measured = {"epochs": self.epochs, "fit_seconds": self.fit_seconds}
        return measured | {"together": self.together}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs, self._before = list(state_dict["epochs"]), state_dict["fit_seconds"]
        self.together = state_dict.get("together", 1)  # missing in older checkpoints
