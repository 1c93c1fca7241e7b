"""Checkpoints at fixed names in the run's own directory."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import ModelCheckpoint

from snn.errors import RunError
from snn.files import write_whole
from snn.training.loggers import EpochTable


class WholeFiles(TorchCheckpointIO):
    """Writes checkpoints that readers see either as they were or complete.

    Lightning's own way goes through the system's temporary folder; where that is another file
    system than the run's, a process killed in between leaves half a file.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        path = Path(path)
        content = io.BytesIO()
        torch.save(checkpoint, content)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{path}: cannot be written ({error.strerror or error})") from error
        write_whole(path, content.getbuffer(), sole_writer=True)  # a run owns its folder


class Checkpoint(ModelCheckpoint):
    """Saves ``checkpoints/<name>.ckpt`` after each epoch, or after each that is the best so far.

    Args:
        name: file name without suffix.
        monitor: metric that decides; None saves every epoch.
        mode: whether its ``max`` or its ``min`` is best. Of equal ones the last stays: a small
            validation part saturates long before the weights settle.
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

    def check_monitor_top_k(self, trainer: pl.Trainer, current: torch.Tensor | None = None) -> bool:
        equal = current is not None and bool(current == self.best_model_score)
        return equal or super().check_monitor_top_k(trainer, current)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # A directory that was moved, or is seen by another path, is still this run's.
        path = str(Path(self.dirpath) / f"{self.filename}{self.FILE_EXTENSION}")
        if state_dict["best_model_path"] and Path(path).exists():
            scores = state_dict["best_k_models"]
            moved = {"dirpath": self.dirpath, "best_model_path": path}
            if scores:
                moved |= {
                    "kth_best_model_path": path,
                    "best_k_models": {path: next(iter(scores.values()))},
                }
            state_dict = state_dict | moved
        super().load_state_dict(state_dict)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # In an epoch without a validation pass Lightning still holds the values of the last one.
        validated = pl_module.validated_epoch == trainer.current_epoch
        stale = () if validated else tuple(f"{s}/" for s in trainer.datamodule.val_splits)
        if self.monitor is not None and self.monitor.startswith(stale):
            return
        # Lightning logs an epoch's training values after its checkpoints: a process killed in
        # between would leave an epoch that is never repeated and has no row.
        for logger in trainer.loggers:
            if self.monitor is None and isinstance(logger, EpochTable):
                fresh = {k: v for k, v in trainer.logged_metrics.items() if not k.startswith(stale)}
                logger.log_metrics(fresh, trainer.current_epoch)
                logger.save()
        super().on_train_epoch_end(trainer, pl_module)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.dirpath = str(Path(trainer.default_root_dir) / "checkpoints")
        super().setup(trainer, pl_module, stage)

    @property
    def state_key(self) -> str:
        return f"{type(self).__name__}-{self.filename}"
