"""What a run was made with, beside its accuracies: TensorBoard's HPARAMS tab, and other loggers."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger, TensorBoardLogger

from snn.training.trackers import compares_runs


def accuracies(validated: bool, tested: bool) -> list[str]:
    """Names of the accuracies to compare runs by: of the validation part, where there is one.

    Test accuracies beside each other would be chosen by.
    """
    if validated:
        return ["hp/final_val_accuracy", "hp/best_val_accuracy"]
    return ["hp/final_test_accuracy"] if tested else []


class HyperParameters(pl.Callback):
    """Shows a run's hyper-parameters with its accuracies in TensorBoard's HPARAMS tab.

    Other loggers, where one chooses what to look at, are given the whole configuration.

    Args:
        keys: dotted keys of the configuration to show in the tab, beside those that were
            overridden. It sorts them and opens with the first few, so a long list hides the
            interesting ones.
    """

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self.parameters: dict[str, Any] = {}
        self.configuration: dict[str, Any] = {}
        self.metrics: list[str] = []

    def choose(
        self,
        config: Mapping[str, Any],
        overridden: Collection[str],
        *,
        validated: bool,
        tested: bool = True,
    ) -> None:
        """Take the values to show from a flat configuration, before training starts."""
        self.metrics = accuracies(validated, tested)
        shown = {*self.keys, *overridden}
        self.parameters = {key: value for key, value in config.items() if key in shown}
        self.configuration = dict(config)

    @staticmethod
    def _loggers(trainer: pl.Trainer) -> list[Logger]:
        return [logger for logger in trainer.loggers if compares_runs(logger)]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        shown = {
            key: value if isinstance(value, bool | int | float | str) else str(value)
            for key, value in self.parameters.items()
        }
        for logger in self._loggers(trainer):
            if not isinstance(logger, TensorBoardLogger):
                logger.log_hyperparams(self.configuration)
                continue
            # TensorBoard shows only metrics that the first call names; their values follow when
            # the run is over.
            logger.log_hyperparams(shown, dict.fromkeys(self.metrics, math.nan))

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
        values = {name: value for name, value in values.items() if name in self.metrics}
        for logger in self._loggers(trainer):
            logger.log_metrics(values, step=trainer.current_epoch)
            logger.save()
