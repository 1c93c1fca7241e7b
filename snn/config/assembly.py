"""The one place where configurations become objects."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Collection, Mapping, MutableSet, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from pytorch_lightning.callbacks import RichProgressBar
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.environments import LightningEnvironment
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from snn.config.identity import flatten, task_config
from snn.data.augment import Augmentation
from snn.data.base import SpikeDataModule
from snn.errors import ConfigError, SnnError
from snn.training.callbacks import (
    EpochLines,
    EpochSeed,
    HyperParameters,
    Stopwatch,
    WeightAverage,
    WholeFiles,
)
from snn.training.classifiers import DataSpec
from snn.training.loggers import EpochTable
from snn.training.module import SpikingClassifier
from snn.training.profiling import NoProfiler

log = logging.getLogger(__name__)

# How constructors of other packages say that they do not like their arguments.
REFUSALS = (MisconfigurationException, ValueError, TypeError)
# What the module logs while it trains.
MONITORED = (
    r"(running|train|val)/(loss|nll|regularizer|accuracy"
    r"|hidden\d+/(firing_rate|silent_share|saturated_share|spikes_per_sample))"
)


def make(node: Mapping[str, Any], **given: Any) -> Any:
    """The object that a node of the configuration names by its ``_target_``.

    Raises:
        SnnError: the object refuses its parameters.
    """
    try:
        # Plain lists, not OmegaConf's: what an optimizer is given stands in checkpoints, which
        # are read without admitting other classes.
        return instantiate(node, **given, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, SnnError):
            raise cause from None
        if isinstance(cause, REFUSALS):
            raise SnnError(f"{node['_target_']}: {cause}") from None
        raise


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


@dataclass
class Blueprint:
    """Objects that cost nothing and need no data."""

    datamodule: SpikeDataModule
    make_model: partial
    optimizer: partial
    scheduler: partial | None
    callbacks: dict[str, pl.Callback]
    loggers: list[partial]


def draft(config: Mapping[str, Any]) -> Blueprint:
    """The cheap objects of a configuration: what they refuse is known before any data are loaded.

    Args:
        config: plain containers.

    Raises:
        SnnError: one of them refuses its parameters.
    """
    return Blueprint(
        datamodule=make_datamodule(config),
        make_model=make(config["model"]),
        optimizer=make(config["optimizer"]),
        scheduler=make(config["scheduler"]) if config.get("scheduler") else None,
        callbacks=_callbacks(config),
        loggers=_loggers(config),
    )


def make_datamodule(config: Mapping[str, Any]) -> SpikeDataModule:
    """The data module of a configuration; no file is touched.

    Raises:
        SnnError: it refuses its parameters.
    """
    datamodule = make(config["data"])
    if not isinstance(datamodule, SpikeDataModule):
        raise ConfigError("data._target_", config["data"]["_target_"], "a SpikeDataModule")
    datamodule.augmentations = augmentations(config, datamodule.analog)
    if hasattr(datamodule, "nb_units"):  # some know it only when they have loaded the data
        datamodule.check_augmentations()
    datamodule.measures_test = config.get("test", True)
    return datamodule


def _callbacks(config: Mapping[str, Any]) -> dict[str, pl.Callback]:
    callbacks = {k: make(node) for k, node in (config.get("callbacks") or {}).items() if node}
    for name, callback in callbacks.items():
        monitor = getattr(callback, "monitor", None)
        if monitor is not None and not re.fullmatch(MONITORED, monitor):
            raise ConfigError(f"callbacks.{name}.monitor", monitor, "such as val/accuracy")
        if isinstance(callback, WeightAverage):
            callback.check(config["trainer"]["max_epochs"])
    return callbacks


def augmentations(config: Mapping[str, Any], analog: bool) -> tuple[Augmentation, ...]:
    """The changes to training samples, in the alphabetical order of their names.

    The order of the configuration is no part of a run's identity, so it decides nothing.

    Raises:
        SnnError: one refuses its parameters, or does not work on this kind of data.
    """
    made = []
    for name, node in sorted((config.get("augment") or {}).items()):
        if not node:
            continue
        made.append(make(node))
        key, target = f"augment.{name}", node["_target_"]
        if not isinstance(made[-1], Augmentation):
            raise ConfigError(f"{key}._target_", target, "an Augmentation")
        if not made[-1].works_on(analog):
            kinds = ("spikes", "analog") if analog else ("analog signals", "spikes")
            allowed = "left out: it changes {}, and these data are {}".format(*kinds)
            raise ConfigError(key, target, allowed)
    return tuple(made)


def _loggers(config: Mapping[str, Any]) -> list[partial]:
    return [make(node) for node in (config.get("logger") or {}).values() if node]


def _train_for_nothing(config: Mapping[str, Any]) -> None:
    try:
        optimizer = make(config["optimizer"])([torch.nn.Parameter(torch.zeros(1))])
        if config.get("scheduler"):
            make(config["scheduler"])(optimizer)
    except REFUSALS as error:
        raise SnnError(f"optimizer or scheduler: {error}") from None


def rehearse(config: Mapping[str, Any], *, here: bool, done: MutableSet[str] | None = None) -> None:
    """Make once what a run makes only after its data are loaded, or in the midst of training.

    Args:
        config: plain containers.
        here: the run will be on this machine, so that its devices must exist here.
        done: what was rehearsed already, to be left out and added to: points of a sweep share most
            of their parts.

    Raises:
        SnnError: some object refuses its parameters.
    """
    elsewhere = {} if here else {"accelerator": "cpu", "devices": 1}
    config = {**config, "trainer": {**config["trainer"], **elsewhere}}
    steps: tuple[tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Any]], ...] = (
        (("data", "augment"), make_datamodule),
        (("model",), lambda config: make(config["model"])),
        (("callbacks", "trainer"), _callbacks),
        (("logger",), _loggers),
        (("optimizer", "scheduler"), _train_for_nothing),
        (
            ("trainer",),
            lambda config: _trainer(config["trainer"], logger=False, enable_checkpointing=False),
        ),
    )
    for keys, step in steps:
        if _is_new({key: config.get(key) for key in keys}, done):
            step(config)


def _is_new(part: Mapping[str, Any], done: MutableSet[str] | None) -> bool:
    text = json.dumps(part, sort_keys=True)
    if done is None or text not in done:
        if done is not None:
            done.add(text)
        return True
    return False


def build(
    config: Mapping[str, Any],
    run_dir: Path,
    *,
    progress: str,
    resume: bool,
    overridden: Collection[str] = (),
) -> Parts:
    """Everything from a resolved and checked configuration; loads the data.

    Args:
        config: plain containers.
        run_dir: where the run writes.
        progress: ``bar``, ``lines`` or ``none``.
        resume: the run goes on from a checkpoint in its directory.
        overridden: keys that the command line set, to be shown as hyper-parameters.
    """
    plan = draft(config)
    datamodule = plan.datamodule
    datamodule.prepare_data()
    datamodule.setup("fit")
    module = plan.make_model(
        data=data_spec(datamodule), optimizer=plan.optimizer, scheduler=plan.scheduler
    )
    callbacks = _that_can_work(plan.callbacks, datamodule)
    hyper_parameters = callbacks.get("hyper_parameters")
    if hyper_parameters is not None:
        hyper_parameters.choose(
            dict(flatten(task_config(config))),
            overridden,
            validated=datamodule.val is not None,
            tested=datamodule.measures_test,
        )
    stopwatch = Stopwatch()
    drawn = {"bar": [RichProgressBar()], "lines": [EpochLines()], "none": []}[progress]
    trainer = _trainer(
        config["trainer"],
        logger=[_logger(logger, run_dir, resume) for logger in plan.loggers],
        plugins=[WholeFiles()],
        callbacks=[EpochSeed(config["seed"]), stopwatch, *callbacks.values(), *drawn],
        default_root_dir=str(run_dir),
        enable_progress_bar=progress == "bar",
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        profiler=config["trainer"].get("profiler") or NoProfiler(),
    )
    return Parts(datamodule, module, trainer, stopwatch, hyper_parameters)


def _trainer(node: Mapping[str, Any], plugins: Sequence[Any] = (), **given: Any) -> pl.Trainer:
    """The trainer of a run, which is a single process wherever it runs.

    Left to itself, Lightning finds out that it is in a Slurm job, wants a task for each device,
    and requeues the job. Whoever submitted the job does that here.
    """
    return make(node, plugins=[*plugins, LightningEnvironment()], **given)


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
