"""Whether a run could start: its objects are made, and thrown away, before any data are loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, MutableSet
from typing import Any

import pytorch_lightning as pl
import torch

from snn import kernels
from snn.config.groups import (
    callbacks_of,
    datamodule_of,
    meter_of,
    model_beforehand,
    rehearse_loggers,
    train_for_nothing,
)
from snn.config.trainer import make_trainer
from snn.errors import ConfigError
from snn.training.quiet import quiet_libraries


def rehearse(config: Mapping[str, Any], *, here: bool, done: MutableSet[str] | None = None) -> None:
    """Make what a run makes only after its data are loaded, or in the midst of training.

    Args:
        config: plain containers.
        here: the run will be on this machine, so that its devices must exist here.
        done: what was rehearsed already, to be left out and added to: points of a sweep share most
            of their parts.

    Raises:
        SnnError: some object refuses its parameters.
    """
    quiet_libraries()
    if not here:
        cpu = {"accelerator": "cpu", "devices": 1}
        config = {**config, "trainer": {**config["trainer"], **cpu}}
    steps: list[tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Any]]] = [
        (("data", "augment"), datamodule_of),
        (("model", "data"), model_beforehand),
        (("callbacks", "trainer"), callbacks_of),
        (("logger",), rehearse_loggers),
        (("energy",), meter_of),
        (("optimizer", "scheduler"), train_for_nothing),
        (("trainer",), _trainer_without_records),
    ]
    if here:
        steps.append((("model", "trainer"), _backend_without_device))
    for keys, step in steps:
        if _is_new({key: config.get(key) for key in keys}, done):
            step(config)


def _trainer_without_records(config: Mapping[str, Any]) -> pl.Trainer:
    return make_trainer(config["trainer"], logger=False, enable_checkpointing=False)


def _backend_without_device(config: Mapping[str, Any]) -> None:
    """Refuse kernels of a GPU for a run on a CPU, before its data are loaded."""
    if config["model"].get("backend") != "gpu":
        return
    device = _trainer_without_records(config).strategy.root_device
    if device.type == "cpu":  # of a GPU nothing is asked here: that would begin to use it
        obstacle = kernels.obstacle(torch.zeros(1, 1, 1), torch.float32, device, "gpu")
        if obstacle:
            raise ConfigError("model.backend", "gpu", f"auto or einsum: {obstacle}")


def _is_new(part: Mapping[str, Any], done: MutableSet[str] | None) -> bool:
    text = json.dumps(part, sort_keys=True)
    if done is None or text not in done:
        if done is not None:
            done.add(text)
        return True
    return False
