"""Training that somebody else may end early."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytorch_lightning as pl


class Judged(pl.Callback):
    """Asks after each validated epoch whether to go on.

    The epoch's checkpoint is written all the same: what was stopped can be gone on with.

    Args:
        judge: is told the epoch, counted from 1, and its metrics; says whether to stop.

    Attributes:
        stopped: the epoch after which training was stopped; None if it was not.
    """

    def __init__(self, judge: Callable[[int, Mapping[str, float]], bool]) -> None:
        self.judge = judge
        self.stopped: int | None = None

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch + 1
        # The last epoch ends by itself; and in one without a validation pass Lightning still
        # holds the values of an earlier one.
        if epoch == trainer.max_epochs or pl_module.validated_epoch != trainer.current_epoch:
            return
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if self.judge(epoch, metrics):
            self.stopped = epoch
            trainer.should_stop = True
