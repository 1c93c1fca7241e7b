"""What makes a run this run: its configuration, less all that cannot change its result."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from snn.runs.files import plain

# Where a run computes, reads and reports; not what it computes. Callbacks that only look on are
# listed one by one: one that is not listed (early stopping, say) belongs to the task.
NOT_TASK = (
    "ckpt_path",
    "callbacks.best",
    "callbacks.gradient_norms",
    "callbacks.hyper_parameters",
    "callbacks.last",
    "callbacks.raster",
    "data.cache",
    "data.download",
    "data.root",
    "logger",
    "model.backend",
    "progress",
    "threads",
    "trainer.accelerator",
    "trainer.devices",
)


def task_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved configuration that decides the result."""
    task = copy.deepcopy(plain(config))
    for dotted in NOT_TASK:
        *parents, key = dotted.split(".")
        node = task
        for parent in parents:
            node = node.get(parent) or {}
        node.pop(key, None)
    return task


def config_hash(config: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that two resolved configurations share if their tasks are the same."""
    text = json.dumps(task_config(config), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def flatten(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """``(dotted key, value)`` of all leaves; a list is a leaf."""
    for key, value in config.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flatten(value, f"{dotted}.")
        else:
            yield dotted, value


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """``{dotted key: (old, new)}`` where two tasks differ; a key that is missing counts as None."""
    a, b = dict(flatten(task_config(old))), dict(flatten(task_config(new)))
    return {key: (a.get(key), b.get(key)) for key in sorted(a | b) if a.get(key) != b.get(key)}
