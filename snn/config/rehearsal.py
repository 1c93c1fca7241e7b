"""Whether a run could start: its objects are made, and thrown away, before any data are loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, MutableSet
from typing import Any

from snn.config.groups import (
    callbacks_of,
    datamodule_of,
    meter_of,
    model_beforehand,
    rehearse_loggers,
    train_for_nothing,
)
from snn.config.trainer import make_trainer
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
    elsewhere = {} if here else {"accelerator": "cpu", "devices": 1}
    config = {**config, "trainer": {**config["trainer"], **elsewhere}}
    steps: tuple[tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Any]], ...] = (
        (("data", "augment"), datamodule_of),
        (("model", "data"), model_beforehand),
        (("callbacks", "trainer"), callbacks_of),
        (("logger",), rehearse_loggers),
        (("energy",), meter_of),
        (("optimizer", "scheduler"), train_for_nothing),
        (("trainer",), _trainer_without_records),
    )
    for keys, step in steps:
        if _is_new({key: config.get(key) for key in keys}, done):
            step(config)


def _trainer_without_records(config: Mapping[str, Any]) -> None:
    make_trainer(config["trainer"], logger=False, enable_checkpointing=False)


def _is_new(part: Mapping[str, Any], done: MutableSet[str] | None) -> bool:
    text = json.dumps(part, sort_keys=True)
    if done is None or text not in done:
        if done is not None:
            done.add(text)
        return True
    return False
