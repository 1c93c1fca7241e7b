"""What makes a run this run: its configuration, less all that cannot change its result."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from snn import moved
from snn.files import plain

# Where a run computes, reads and reports; not what it computes. Callbacks that only look on are
# listed one by one: one that is not listed (early stopping, say) belongs to the task.
NOT_TASK = (
    "ckpt_path",
    "callbacks.confusion",
    "callbacks.gradient_norms",
    "callbacks.hyper_parameters",
    "callbacks.last",
    "callbacks.raster",
    "data.cache",
    "data.download",
    "data.root",
    "energy",
    "logger",
    "model.backend",
    "progress",
    "search",
    "sweep",
    "test",
    "threads",
    "trainer.accelerator",
    "trainer.devices",
)


# An option that is off is null, and counts as absent: a program that knows more options still names
# a task that uses none of them as it was named before. Where null is not a parameter's default, a
# key that is null and one that is absent are two tasks.
NULL_MATTERS = frozenset({"data.train_eval_samples"})


# Nodes that say nothing where these keys of theirs are null: they count as absent.
OFF = {"model.delays": ("recurrent", "input")}


# Which epoch is kept as best, unless said otherwise.
BEST = {"monitor": "val/accuracy", "mode": "max"}


def task_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved configuration that decides the result, in today's names."""
    task = _with_targets(copy.deepcopy(plain(config)), moved.current)
    callbacks = task.get("callbacks")
    if isinstance(callbacks, dict) and isinstance(best := callbacks.get("best"), dict):
        callbacks["best"] = {key: best.get(key) for key in BEST}
        if callbacks["best"] == BEST:
            del callbacks["best"]
    for dotted in NOT_TASK:
        *parents, key = dotted.split(".")
        node = task
        for parent in parents:
            node = node.get(parent) or {}
        node.pop(key, None)
    for dotted, keys in OFF.items():
        parent, name = dotted.split(".")
        node = (task.get(parent) or {}).get(name)
        if isinstance(node, dict) and all(node.get(key) is None for key in keys):
            del task[parent][name]
    return task


def _with_targets(node: Any, rename: Callable[[str], str]) -> Any:
    """The node with all its ``_target_`` renamed, at any depth."""
    if isinstance(node, dict):
        return {
            key: rename(value)
            if key == "_target_" and isinstance(value, str)
            else _with_targets(value, rename)
            for key, value in node.items()
        }
    return [_with_targets(value, rename) for value in node] if isinstance(node, list) else node


def _switched_on(task: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The task without keys that are null, and without groups that hold nothing else."""
    kept = {}
    for key, value in task.items():
        if isinstance(value, Mapping):
            value = _switched_on(value, f"{prefix}{key}.")
        if value not in (None, {}) or f"{prefix}{key}" in NULL_MATTERS:
            kept[key] = value
    return kept


def config_hash(config: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that two resolved configurations share if their tasks are the same.

    A key that is null counts as absent.
    """
    task = _with_targets(_canonical(_switched_on(task_config(config))), moved.original)
    text = json.dumps(task, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical(value: Any) -> Any:
    """10.0 as 10: which of them a command line says depends on how somebody typed it."""
    if isinstance(value, dict):
        return {k: _canonical(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_canonical(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def flatten(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """``(dotted key, value)`` of all leaves; a list is a leaf."""
    for key, value in config.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flatten(value, f"{dotted}.")
        else:
            yield dotted, value


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """``{dotted key: (old, new)}`` where two tasks differ; a key that is missing counts as null."""
    a, b = dict(flatten(task_config(old))), dict(flatten(task_config(new)))
    return {key: (a.get(key), b.get(key)) for key in sorted(a | b) if a.get(key) != b.get(key)}
