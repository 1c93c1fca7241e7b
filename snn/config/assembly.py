"""The one place where a whole configuration becomes objects."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from snn.config.groups import (
    callbacks_of,
    datamodule_of,
    logger_of_run,
    loggers_of,
    meter_of,
    model_of,
)
from snn.config.identity import flatten, task_config
from snn.config.trainer import make_trainer
from snn.data.base import SpikeDataModule
from snn.energy import Meter
from snn.training.callbacks import (
    EnergyMeter,
    EpochLines,
    EpochSeed,
    HyperParameters,
    ProgressLine,
    Stopwatch,
)
from snn.training.classifiers import DataSpec
from snn.training.module import SpikingClassifier

log = logging.getLogger(__name__)


@dataclass
class Parts:
    """Everything a run needs; nothing has been trained yet."""

    datamodule: SpikeDataModule
    module: SpikingClassifier
    trainer: pl.Trainer
    stopwatch: Stopwatch
    meter: Meter
    energy: EnergyMeter
    hyper_parameters: HyperParameters | None


def data_spec(datamodule: SpikeDataModule) -> DataSpec:
    """What a model needs to know of data that have been set up."""
    counts = torch.bincount(datamodule.train.labels, minlength=datamodule.nb_classes)
    return DataSpec(
        nb_units=datamodule.nb_units,
        nb_classes=datamodule.nb_classes,
        time_step=datamodule.time_step,
        analog=datamodule.analog,
        class_counts=tuple(counts.tolist()),
    )


def build(
    config: Mapping[str, Any],
    run_dir: Path,
    *,
    progress: str,
    resume: bool,
    overridden: Mapping[str, str] | None = None,
    swept: Mapping[str, str] | None = None,
    sweep: str | None = None,
    watchers: Sequence[pl.Callback] = (),
) -> Parts:
    """Everything from a resolved and checked configuration; loads the data.

    Args:
        config: plain containers.
        run_dir: where the run writes.
        progress: ``bar``, ``lines`` or ``none``.
        resume: the run goes on from a checkpoint in its directory.
        overridden: keys and values that the command line set, to be shown as hyper-parameters.
        swept: those that tell the points of the run's sweep apart, to be shown instead.
        sweep: name of that sweep.
        watchers: callbacks beside those of the configuration.

    Raises:
        SnnError: some object refuses its parameters, or the data cannot be read.
    """
    # What costs nothing comes first: what it refuses is known before any data are loaded.
    datamodule = datamodule_of(config)
    callbacks = callbacks_of(config)
    meter = meter_of(config)
    loggers = [
        logger_of_run(logger, run_dir, resume=resume, sweep=sweep) for logger in loggers_of(config)
    ]

    datamodule.prepare_data()
    datamodule.setup("fit")
    module = model_of(config, data_spec(datamodule))
    callbacks = _that_can_work(callbacks, datamodule)
    hyper_parameters = callbacks.get("hyper_parameters")
    if hyper_parameters is not None:
        hyper_parameters.choose(
            dict(flatten(task_config(config))),
            overridden or {},
            swept=swept,
            validated=datamodule.val is not None,
            tested=datamodule.measures_test,
        )
    stopwatch, energy = Stopwatch(), EnergyMeter(meter)
    drawn = {"bar": [ProgressLine()], "lines": [EpochLines()], "none": []}[progress]
    trainer = make_trainer(
        config["trainer"],
        logger=loggers,
        callbacks=[
            *(EpochSeed(config["seed"]), stopwatch, energy),
            *(*callbacks.values(), *watchers, *drawn),
        ],
        default_root_dir=str(run_dir),
        enable_progress_bar=False,
    )
    return Parts(datamodule, module, trainer, stopwatch, meter, energy, hyper_parameters)


def _that_can_work(
    callbacks: dict[str, pl.Callback], datamodule: SpikeDataModule
) -> dict[str, pl.Callback]:
    """Leave out what watches the validation part where there is none."""
    if datamodule.val is not None:
        return callbacks
    blind = [
        name
        for name, callback in callbacks.items()
        if str(getattr(callback, "monitor", None)).startswith("val/")
    ]
    if blind:
        log.info("no validation part (data.val_fraction=0): without %s", ", ".join(blind))
    return {name: callback for name, callback in callbacks.items() if name not in blind}
