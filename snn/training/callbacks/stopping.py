"""The end of training before its last epoch."""

from __future__ import annotations

import logging
from typing import Literal

import pytorch_lightning as pl
from pytorch_lightning.callbacks.early_stopping import EarlyStopping as LightningsEarlyStopping
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason

log = logging.getLogger(__name__)


class EarlyStopping(LightningsEarlyStopping):
    """Lightning's callback, but a run that was stopped stays stopped when it is gone on with.

    Lightning forgets the stop and would train at least one more epoch, so that a run killed while
    it was being evaluated would end with other weights than an undisturbed one.

    Args:
        monitor: metric that has to improve.
        mode: whether it improves upwards (``max``) or downwards (``min``).
        patience: epochs without an improvement after which training stops.
        min_delta: a smaller change is no improvement.
    """

    def __init__(
        self,
        monitor: str = "val/accuracy",
        mode: Literal["max", "min"] = "max",
        patience: int = 10,
        min_delta: float = 0.0,
    ) -> None:
        super().__init__(monitor, min_delta=min_delta, patience=patience, mode=mode)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.stopping_reason != EarlyStoppingReason.NOT_STOPPED:
            ended = max(self.stopped_epoch + 1, trainer.fit_loop.min_epochs or 0)
            trainer.fit_loop.max_epochs = min(ended, trainer.max_epochs)
            log.info("stopped early after epoch %d, and stays so", ended)
