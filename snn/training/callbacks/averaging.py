"""Averages of the weights along the path of training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytorch_lightning as pl
from pydantic import Field
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from snn.errors import ConfigError

Decay = Annotated[float, Field(gt=0, lt=1)]


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """From (average, new values, number averaged so far) to the next average."""

    def update(average: Tensor, new: Tensor, count: Tensor) -> Tensor:
        # With the full decay from the start, the initial weights would count for 1 / (1 - decay)
        # updates.
        n = int(count)
        return average.lerp(new, 1.0 - min(decay, (1 + n) / (10 + n)))

    return update


class WeightAverage(WeightAveraging):
    """Validates, saves and ends with an average of the weights instead of the latest.

    Lightning's callback with a start: up to ``start_epoch`` the average is the latest weights.
    (Lightning's ``EMAWeightAveraging`` with a start validates and saves the initial weights until
    then.) Checkpoints hold the average as their weights and the latest beside it, so that a
    resumed run goes on as an undisturbed one.

    Args:
        decay: of an exponential moving average, per update; that of update n is at most
            ``(1 + n) / (10 + n)``, so that the average follows the first steps. None weighs all
            updates alike (stochastic weight averaging, Izmailov et al. 2018, arXiv:1803.05407).
        every: whether weights join the average after each ``step`` or each ``epoch``.
        start_epoch: the first epoch, counted from 0, whose weights are averaged.
    """

    def __init__(
        self,
        decay: Decay | None = None,
        every: Literal["step", "epoch"] = "step",
        start_epoch: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        super().__init__(**({} if decay is None else {"avg_fn": moving_average(decay)}))
        self.every, self.start_epoch = every, start_epoch

    def check(self, max_epochs: int) -> None:
        """Refuse a start that never comes.

        Raises:
            ConfigError: ``start_epoch`` is not below the number of epochs.
        """
        if self.start_epoch >= max_epochs:
            raise ConfigError(
                "callbacks.average.start_epoch",
                self.start_epoch,
                f"less than trainer.max_epochs ({max_epochs}); else nothing is averaged",
            )

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning makes the average before it moves the module to its device.
        self._average_model.to(pl_module.device)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch == self.start_epoch:
            self._average_model.n_averaged.zero_()  # the first update is a copy

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *arguments: Any
    ) -> None:
        if trainer.current_epoch < self.start_epoch:
            self._average_model.n_averaged.zero_()  # the average is the latest weights
        elif self.every == "epoch" and not trainer.is_last_batch:
            return
        super().on_train_batch_end(trainer, pl_module, *arguments)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Also where a finished run is gone on with, and no epoch was left to train.
        self._copy_average_to_current(pl_module)
