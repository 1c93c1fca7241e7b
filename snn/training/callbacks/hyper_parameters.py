"""What a run was made with, beside its accuracies: TensorBoard's HPARAMS tab, and other loggers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger, TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from snn.training.loggers import TensorBoard
from snn.training.tags import tag_of
from snn.training.trackers import compares_runs

BEST = "val_best/accuracy"


def accuracies(validated: bool, tested: bool) -> list[str]:
    """Names of the accuracies to compare runs by: of the validation part, where there is one.

    Test accuracies beside each other would be chosen by.
    """
    if validated:
        return ["val/accuracy", BEST]
    return ["train/accuracy", *(["test/accuracy"] if tested else [])]


class HyperParameters(pl.Callback):
    """Shows a run's hyper-parameters with its accuracies in TensorBoard's HPARAMS tab.

    The tab shows the last values of curves, so that it tells of runs in work and of those that went
    on what it tells of others; the best validation accuracy so far is a curve of its own for that.
    Other loggers, where one chooses what to look at, are given the whole configuration.

    Args:
        keys: dotted keys of the configuration to show in the tab of a run that is no point of a
            sweep, beside those that were overridden. The tab sorts them and opens with the first
            few, so a long list hides the interesting ones.
    """

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self.parameters: dict[str, Any] = {}
        self.configuration: dict[str, Any] = {}
        self.metrics: list[str] = []
        self.best: float | None = None

    def choose(
        self,
        config: Mapping[str, Any],
        overridden: Mapping[str, str],
        *,
        swept: Mapping[str, str] | None = None,
        validated: bool,
        tested: bool = True,
    ) -> None:
        """Take the values to show from a flat configuration, before training starts.

        Args:
            config: dotted keys and values.
            overridden: keys and values of the command line; those of groups are their choices.
            swept: those that differ between the points of the run's sweep. The others would be
                columns of one value.
            validated: there is a validation part.
            tested: the test part will be measured.
        """
        self.metrics = accuracies(validated, tested)
        self.configuration = dict(config)
        if swept:
            self.parameters = {key: config.get(key, value) for key, value in swept.items()}
            return
        shown = {*self.keys, *overridden}
        self.parameters = {key: value for key, value in config.items() if key in shown}

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
            names = [tag_of(m) if isinstance(logger, TensorBoard) else m for m in self.metrics]
            # Their names alone: a value here would be a dot among the curves.
            for summary in hparams(shown, dict.fromkeys(names, 0.0)):
                logger.experiment._get_file_writer().add_summary(summary)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if BEST not in self.metrics or pl_module.validated_epoch != trainer.current_epoch:
            return
        value = pl_module.results["val/accuracy"]
        self.best = value if self.best is None else max(self.best, value)
        for logger in self._loggers(trainer):
            logger.log_metrics({BEST: self.best}, step=trainer.current_epoch)

    def finish(self, trainer: pl.Trainer, final: Mapping[str, float]) -> None:
        """Report what has no curve: the test accuracy of a run that had no validation part."""
        if "test/accuracy" in self.metrics and "test/accuracy" in final:
            step = max(0, trainer.current_epoch - 1)  # the last epoch's
            for logger in self._loggers(trainer):
                logger.log_metrics({"test/accuracy": final["test/accuracy"]}, step=step)
                logger.save()

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]
