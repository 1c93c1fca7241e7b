"""Checkpoints at fixed names in the run's own directory."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint


class Checkpoint(ModelCheckpoint):
    """Saves ``checkpoints/<name>.ckpt`` after each epoch, or after each that is the best so far.

    Args:
        name: file name without suffix.
        monitor: metric that decides; None saves every epoch.
        mode: whether its ``max`` or its ``min`` is best. Of equal ones the first stays.
    """

    def __init__(
        self, name: str, monitor: str | None = None, mode: Literal["max", "min"] = "max"
    ) -> None:
        super().__init__(
            filename=name,
            monitor=monitor,
            mode=mode,
            save_top_k=1,
            auto_insert_metric_name=False,
            enable_version_counter=False,
            # After the validation pass, and after the epoch's own bookkeeping: what is saved is
            # a state from which the next epoch can start.
            save_on_train_epoch_end=True,
        )

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.dirpath = str(Path(trainer.default_root_dir) / "checkpoints")
        super().setup(trainer, pl_module, stage)

    @property
    def state_key(self) -> str:
        return f"{type(self).__name__}-{self.filename}"
