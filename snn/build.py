"""The one place where configurations become objects."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from pytorch_lightning.callbacks import RichProgressBar
from pytorch_lightning.loggers import Logger

from snn.callbacks import EpochLines, EpochSeed, HyperParameters, Stopwatch
from snn.data.base import SpikeDataModule
from snn.loggers import EpochTable
from snn.models import DataSpec
from snn.module import SpikingClassifier
from snn.runs.identity import flatten, task_config

log = logging.getLogger(__name__)

# Plain lists, not OmegaConf's: what an optimizer is given stands in checkpoints, which are read
# without admitting other classes.
make = partial(instantiate, _convert_="all")


@dataclass
class Parts:
    """Everything a run needs; nothing has been trained yet."""

    datamodule: SpikeDataModule
    module: SpikingClassifier
    trainer: pl.Trainer
    stopwatch: Stopwatch
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


def build(config: Mapping[str, Any], run_dir: Path, *, progress: str, resume: bool) -> Parts:
    """Objects from a resolved and checked configuration; loads the data.

    Args:
        config: plain containers.
        run_dir: where the run writes.
        progress: ``bar``, ``lines`` or ``none``.
        resume: the run goes on from a checkpoint in its directory.
    """
    # Cheap objects first: what they refuse is said before any data are loaded.
    datamodule: SpikeDataModule = make(config["data"])
    make_model: partial = make(config["model"])
    optimizer = make(config["optimizer"])
    scheduler = make(config["scheduler"]) if config["scheduler"] else None
    callbacks = {name: make(node) for name, node in (config["callbacks"] or {}).items()}
    loggers = [_logger(make(node), run_dir, resume) for node in (config["logger"] or {}).values()]

    datamodule.prepare_data()
    datamodule.setup("fit")
    module = make_model(data=data_spec(datamodule), optimizer=optimizer, scheduler=scheduler)
    callbacks = _that_can_work(callbacks, datamodule)
    hyper_parameters = callbacks.get("hyper_parameters")
    if hyper_parameters is not None:
        hyper_parameters.parameters = dict(flatten(task_config(config)))
    stopwatch = Stopwatch()
    drawn = {"bar": [RichProgressBar()], "lines": [EpochLines()], "none": []}[progress]
    trainer = make(
        config["trainer"],
        logger=loggers,
        callbacks=[EpochSeed(config["seed"]), stopwatch, *callbacks.values(), *drawn],
        default_root_dir=str(run_dir),
        enable_progress_bar=progress == "bar",
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    return Parts(datamodule, module, trainer, stopwatch, hyper_parameters)


def _logger(make_logger: partial, run_dir: Path, resume: bool) -> Logger:
    if make_logger.func is EpochTable:
        return make_logger(save_dir=run_dir, resume=resume)
    return make_logger(save_dir=run_dir)


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
