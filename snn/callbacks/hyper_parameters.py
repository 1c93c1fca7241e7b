"""The HPARAMS tab of TensorBoard."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger

# The accuracies that a run ends with. TensorBoard shows only metrics that the first
# log_hyperparams call names, so they start at 0 and get their values when the run is over.
HP_METRICS = tuple(
    f"hp/{which}_{split}_accuracy" for which in ("final", "best") for split in ("val", "test")
)


class HyperParameters(pl.Callback):
    """Shows a run's hyper-parameters with its accuracies in TensorBoard's HPARAMS tab.

    Args:
        keys: dotted keys of the configuration to show, beside those that were overridden. The tab
            sorts them and opens with the first few, so a long list hides the interesting ones.
    """

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self.parameters: dict[str, Any] = {}

    def choose(self, config: Mapping[str, Any], overridden: Collection[str]) -> None:
        """Take the values to show from a flat configuration, before training starts."""
        shown = {*self.keys, *overridden}
        self.parameters = {key: value for key, value in config.items() if key in shown}

    @staticmethod
    def _loggers(trainer: pl.Trainer) -> list[TensorBoardLogger]:
        return [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        shown = {
            key: value if isinstance(value, bool | int | float | str) else str(value)
            for key, value in self.parameters.items()
        }
        for logger in self._loggers(trainer):
            logger.log_hyperparams(shown, dict.fromkeys(HP_METRICS, 0.0))

    def finish(
        self,
        trainer: pl.Trainer,
        final: Mapping[str, float],
        best: Mapping[str, float] | None,
    ) -> None:
        """Report the accuracies of the finished run, keyed ``<split>/accuracy``."""
        values = {
            f"hp/{which}_{split}_accuracy": metrics[f"{split}/accuracy"]
            for which, metrics in (("final", final), ("best", best or {}))
            for split in ("val", "test")
            if f"{split}/accuracy" in metrics
        }
        for logger in self._loggers(trainer):
            logger.log_metrics(values, step=trainer.current_epoch)
            logger.save()
