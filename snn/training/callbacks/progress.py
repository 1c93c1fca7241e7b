"""Progress where there is no terminal to draw a bar in."""

from __future__ import annotations

import logging

import pytorch_lightning as pl

log = logging.getLogger(__name__)


class EpochLines(pl.Callback):
    """One line per epoch: loss, accuracies, time."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # The running loss is logged only after the callbacks were called.
        loss = pl_module.metrics_of("running").loss.compute()
        metrics = {**trainer.callback_metrics, "running/loss": loss}
        shown = {
            "loss": "running/loss",
            "val accuracy": "val/accuracy",
            "train accuracy": "train/accuracy",
            "seconds": "time/epoch_seconds",
        }
        parts = [f"{label} {metrics[key]:.4g}" for label, key in shown.items() if key in metrics]
        epochs = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        log.info("%s", "  ".join([epochs, *parts]))
