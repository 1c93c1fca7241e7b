"""Averages of the weights along the path of training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytorch_lightning as pl
from pydantic import Field
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

Decay = Annotated[float, Field(gt=0, lt=1)]


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """From (average, new values, number averaged so far) to the next average."""

    def update(average: Tensor, new: Tensor, count: Tensor) -> Tensor:
        # With 1 - decay from the start, the initial weights would count for 1 / (1 - decay) steps.
        return average.lerp(new, max(1.0 - decay, 1.0 / (int(count) + 1)))

    return update


class WeightAverage(WeightAveraging):
    """Validates, saves and ends with an average of the weights instead of the latest.

    Lightning's callback with a start: up to ``start_epoch`` the average is the latest weights.
    (Lightning's ``EMAWeightAveraging`` with a start validates and saves the initial weights until
    then.) Checkpoints hold the average as their weights and the latest beside it, so that a
    resumed run goes on as an undisturbed one.

    Args:
        decay: of an exponential moving average, per update, which begins as the plain mean of the
            first ``1 / (1 - decay)`` updates; None weighs all updates alike (stochastic weight
            averaging, Izmailov et al. 2018, arXiv:1803.05407).
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

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *arguments: Any
    ) -> None:
        if trainer.current_epoch < self.start_epoch:
            self._average_model.n_averaged.zero_()  # the update after this is a copy
        elif self.every == "epoch" and not trainer.is_last_batch:
            return
        super().on_train_batch_end(trainer, pl_module, *arguments)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Also where a finished run is gone on with, and no epoch was left to train.
        self._copy_average_to_current(pl_module)
