"""Directories of runs that were never trained, written by the functions that write real ones."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from snn.runs import RunDirectory, config_hash, make_result, recorded, write_json

CONFIG = {
    "seed": 1,
    "threads": None,
    "progress": "none",
    "ckpt_path": None,
    "data": {"_target_": "snn.data.Randman", "root": "data", "seed": 1, "nb_steps": 50},
    "model": {"nb_hidden": 100, "scale": 100.0, "regularizer": 0.0, "reset": "zero"},
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 1e-3},
    "trainer": {"max_epochs": 3, "accelerator": "auto"},
}
TARGETS = {"randman": "Randman", "fashion_mnist": "FashionMNIST", "shd": "SHD", "tbl": "TBL"}
SAMPLES = {"train": 7200, "val": 800, "test": 2000}


class Broken(Exception):
    """What a run that is to fail raises."""


def config_with(point: Mapping[str, Any], data: str = "randman") -> dict[str, Any]:
    """The configuration with some dotted keys set; ``data.seed`` follows the seed."""
    config = {k: dict(v) if isinstance(v, dict) else v for k, v in CONFIG.items()}
    config["data"]["_target_"] = f"snn.data.{TARGETS[data]}"
    for key, value in point.items():
        *parents, leaf = key.split(".")
        node = config
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    config["data"]["seed"] = config["seed"]
    return config


def text(value: Any) -> str:
    return "[" + ",".join(map(str, value)) + "]" if isinstance(value, list) else str(value)


def write_run(
    directory: Path,
    point: Mapping[str, Any],
    *,
    val: float | None = 0.8,
    train: float | None = 0.9,
    test: float | None = 0.7,
    tested: bool = True,
    seconds: float = 10.0,
    spikes: float = 200.0,
    data: str = "randman",
    nb_classes: int = 10,
    error: str | None = None,
    curve: Sequence[float] = (),
    together: int = 1,
) -> Path:
    """One run's record.

    Args:
        directory: its folder.
        point: ``{dotted key: value}``, also its overrides.
        val: validation accuracy; None for a run without a validation part.
        train, test: accuracies.
        tested: whether the run measured its test part.
        seconds: of training.
        spikes: hidden spikes per sample.
        data: name of the data set.
        nb_classes: of the data set.
        error: let the run fail with this message.
        curve: validation accuracy after each epoch.
        together: how many runs shared its process.
    """
    run = RunDirectory(directory)
    run.path.mkdir(parents=True, exist_ok=True)
    config = config_with(point, data)
    splits = {"train": train} | ({} if val is None else {"val": val})
    splits |= {"test": test} if tested else {}
    metrics = {}
    for split, accuracy in splits.items():
        metrics[f"{split}/loss"] = None if accuracy is None else 1 - accuracy
        metrics[f"{split}/accuracy"] = accuracy
        metrics[f"{split}/hidden0/spikes_per_sample"] = spikes
        metrics[f"{split}/synops_per_sample"] = 50 * spikes
    facts = {
        "epochs": 3,
        "fit_seconds": seconds,
        "together": together,
        "data.data": data,
        "data.nb_classes": nb_classes,
        **{f"data.{split}_samples": SAMPLES[split] for split in splits},
        "device": "cpu",
        "start": "2026-11-20T12:00:00+00:00",
        "end": "2026-11-20T12:00:10+00:00",
    }
    try:
        with recorded(run.status, {"config_hash": config_hash(config)}):
            write_json(run.config, config)
            if error is not None:
                raise Broken(error)
            result = make_result(
                config=config,
                overrides=[f"{key}={text(value)}" for key, value in point.items()],
                final=metrics,
                best=None if val is None else metrics,
                best_epoch=None if val is None else 3,
                facts=facts,
            )
            write_json(run.result, result)
    except Broken:
        pass
    if curve:
        with (run.path / "metrics.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", "val/accuracy", "train/accuracy"])
            writer.writerows([i, v, v] for i, v in enumerate(curve))
    return run.path


def write_grid(
    directory: Path,
    axes: Mapping[str, Sequence[Any]],
    measured: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    **same: Any,
) -> list[Path]:
    """A run per combination, numbered as Hydra does it; ``measured(point)`` says how it did."""
    points = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return [
        write_run(directory / str(i), point, **(same | dict(measured(point))))
        for i, point in enumerate(points)
    ]
