"""The objects of each group that cost nothing and need no data.

What they refuse is known before any data are loaded.
"""

from __future__ import annotations

import inspect
import logging
import re
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from pytorch_lightning.callbacks import BatchSizeFinder, LearningRateFinder
from pytorch_lightning.loggers import Logger

from snn.config.make import REFUSALS, make
from snn.data.augmentation import Augmentation
from snn.data.base import SpikeDataModule
from snn.energy import Counter, Meter
from snn.errors import ConfigError, SnnError
from snn.training.callbacks import WeightAverage
from snn.training.loggers import EpochTable
from snn.training.model_options import DataSpec, sizes_of
from snn.training.module import SpikingClassifier
from snn.training.trackers import Mlflow, Wandb

log = logging.getLogger(__name__)

# What the module logs while it trains.
MONITORED = (
    r"(running|train|val)/(loss|nll|regularizer|accuracy"
    r"|hidden\d+/(firing_rate|silent_share|saturated_share|spikes_per_sample))"
)
# Callbacks that set a value which stands in the configuration, and in the name of the run.
TUNERS = {LearningRateFinder: "optimizer.lr", BatchSizeFinder: "data.batch_size"}


def datamodule_of(config: Mapping[str, Any]) -> SpikeDataModule:
    """The data module with its changes to training samples; no file is touched."""
    datamodule = make(config["data"])
    if not isinstance(datamodule, SpikeDataModule):
        raise ConfigError("data._target_", config["data"]["_target_"], "a SpikeDataModule")
    made = augmentations(config, datamodule.analog)
    datamodule.augmentations = tuple(one.on_grid(datamodule.unit_grid) for one in made)
    if hasattr(datamodule, "nb_units"):  # some know it only when they have loaded the data
        datamodule.check_augmentations()
    datamodule.measures_test = config.get("test", True)
    return datamodule


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


def callbacks_of(config: Mapping[str, Any]) -> dict[str, pl.Callback]:
    """The callbacks by their names.

    Raises:
        SnnError: one is none, watches what is never logged, or would change the configuration.
    """
    made = {}
    for name, node in (config.get("callbacks") or {}).items():
        if not node:
            continue
        callback, target = make(node), node["_target_"]
        if not isinstance(callback, pl.Callback):
            raise ConfigError(f"callbacks.{name}._target_", target, "a callback, not _partial_")
        for tuner, key in TUNERS.items():
            if isinstance(callback, tuner):
                allowed = f"left out: a run is known by its {key}; sweep that instead, as {key}=A,B"
                raise ConfigError(f"callbacks.{name}._target_", target, allowed)
        monitor = getattr(callback, "monitor", None)
        if monitor is not None and not re.fullmatch(MONITORED, monitor):
            raise ConfigError(f"callbacks.{name}.monitor", monitor, "such as val/accuracy")
        if isinstance(callback, WeightAverage):
            callback.check(config["trainer"]["max_epochs"])
        made[name] = callback
    return made


def meter_of(config: Mapping[str, Any]) -> Meter:
    """The counters of energy, by their names; nothing is read yet.

    Raises:
        SnnError: one is none, or its package is missing.
    """
    made = {}
    for name, node in (config.get("energy") or {}).items():
        if not node:
            continue
        made[name] = make(node)
        if not isinstance(made[name], Counter):
            raise ConfigError(f"energy.{name}._target_", node["_target_"], "a snn.energy.Counter")
    return Meter(made)


def loggers_of(config: Mapping[str, Any]) -> list[Logger | partial]:
    """Loggers, and, where ``_partial_`` is true, what makes one from the run's directory.

    Raises:
        SnnError: one is no logger, or cannot be made.
    """
    made = []
    for name, node in (config.get("logger") or {}).items():
        if not node:
            continue
        try:
            logger = make(node)
        except InstantiationException as error:
            raise _cannot_log(node["_target_"], error.__cause__ or error) from None
        kind = logger.func if isinstance(logger, partial) else type(logger)
        if not (isinstance(kind, type) and issubclass(kind, Logger)):
            raise ConfigError(f"logger.{name}._target_", node["_target_"], "a Lightning logger")
        made.append(logger)
    return made


def logger_of_run(
    logger: Logger | partial, run_dir: Path, *, resume: bool = False, sweep: str | None = None
) -> Logger:
    """A logger, told of its run what it waits for and can take.

    Args:
        logger: as :func:`loggers_of` has made it.
        run_dir: where the run writes.
        resume: the run goes on from a checkpoint there.
        sweep: name of the sweep that the run is a point of.

    Raises:
        SnnError: it refuses its parameters, a package is missing, or nobody is there to log to.
    """
    if isinstance(logger, Logger):
        return logger
    offers = {"save_dir": run_dir}
    if issubclass(logger.func, EpochTable | Mlflow | Wandb):
        offers |= {"resume": resume, "sweep": sweep}
    known = inspect.signature(logger.func).parameters
    offers = {k: v for k, v in offers.items() if k in known and k not in logger.keywords}
    try:
        return logger(**offers)
    except SnnError:
        raise
    except Exception as error:  # of other packages: of any kind
        name = f"{logger.func.__module__}.{logger.func.__qualname__}"
        raise _cannot_log(name, error) from None


def _cannot_log(name: str, error: BaseException) -> SnnError:
    return SnnError(f"{name}: {' '.join(str(error).split()) or type(error).__name__}")


def rehearse_loggers(config: Mapping[str, Any]) -> None:
    """Make the loggers that wait for a run's directory, for one that is thrown away.

    Raises:
        SnnError: one could not be made.
    """
    for logger in loggers_of(config):
        check = getattr(getattr(logger, "func", None), "check", None)
        if check is not None:
            check(logger.keywords)  # it would write elsewhere too
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            logger_of_run(logger, Path(folder))


def partial_of(config: Mapping[str, Any], group: str) -> partial | None:
    """What makes the group's object once it is given what the run alone knows; None for none.

    Raises:
        SnnError: the object would be made at once.
    """
    node = config.get(group)
    if not node:
        return None
    if not node.get("_partial_"):
        needs = {"model": "the data", "optimizer": "parameters", "scheduler": "an optimizer"}[group]
        raise ConfigError(f"{group}._partial_", None, f"true: it is made when there is {needs}")
    return make(node)


def model_of(config: Mapping[str, Any], data: DataSpec) -> SpikingClassifier:
    """The network and what trains it, for data of these sizes.

    Raises:
        SnnError: it refuses its parameters.
    """
    given = {name: partial_of(config, name) for name in ("optimizer", "scheduler")}
    return _made(partial_of(config, "model"), config, data=data, **given)


def _made(make_model: partial, config: Mapping[str, Any], **given: Any) -> SpikingClassifier:
    try:
        return make_model(**given)
    except ConfigError as error:
        if error.key.split(".")[0] in config:
            raise
        # Layers know their own parameters only, not where in a configuration they stand.
        raise ConfigError(f"model.{error.key}", error.value, error.allowed) from None


def model_beforehand(config: Mapping[str, Any]) -> None:
    """Make a small model of this kind before data are loaded, to see whether it likes its values.

    Sizes decide nothing that the networks of this package refuse, so that stand-ins serve. A model
    of somebody else's may have reasons to refuse them, and is left to the run.

    Raises:
        SnnError: it refuses its parameters.
    """
    make_model, model = partial_of(config, "model"), config["model"]
    if not str(model["_target_"]).startswith("snn."):
        return
    data = datamodule_of(config)
    weights = model.get("class_weights")  # whose number is judged with the data
    classes = getattr(data, "nb_classes", len(weights) if isinstance(weights, list) else 2)
    if "nb_hidden" in model:
        small = [1] * len(sizes_of(model["nb_hidden"]))
        make_model = partial(make_model, nb_hidden=small)
    spec = DataSpec(
        nb_units=1,
        nb_classes=classes,
        time_step=data.time_step,
        analog=data.analog,
        class_counts=(1,) * classes,
    )
    try:
        with torch.random.fork_rng(devices=[]):
            _made(make_model, config, data=spec, optimizer=None)
    except SnnError:
        raise
    except Exception:  # no refusal, and the run's own log has room for it
        log.debug("the model cannot be made", exc_info=True)


def train_for_nothing(config: Mapping[str, Any]) -> None:
    """Make optimizer and scheduler for a single number, to see whether they like their values."""
    optimizer, scheduler = partial_of(config, "optimizer"), partial_of(config, "scheduler")
    try:
        made = optimizer([torch.nn.Parameter(torch.zeros(1))])
        if scheduler is not None:
            scheduler(made)
    except REFUSALS as error:
        raise SnnError(f"optimizer or scheduler: {error}") from None
