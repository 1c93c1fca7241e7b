"""A callback that leaves time to requeue a job."""

from __future__ import annotations

import os
import time

import pytorch_lightning as pl


class SlowUntilRequeued(pl.Callback):
    """Half a second more for every epoch, in a job that has not been requeued yet."""

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if os.environ.get("SLURM_RESTART_COUNT", "0") == "0":
            time.sleep(0.5)


SLOW = f"+callbacks.slow._target_={__name__}.SlowUntilRequeued"
