"""Grids of the thesis with replicates, whose true effects are known; nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from snn.analysis.records import Run
from snn.analysis.study import Study, make_study

HIDDEN, STEPS = "model.nb_hidden", "data.nb_steps"
SCALE, RATE = "model.scale", "model.regularizer"
SEED, SPLIT = "seed", "data.split_seed"
TBL = {
    HIDDEN: (100, 200, 300),
    STEPS: (76, 152, 228),
    SCALE: (10, 20, 40),
    RATE: (1e-4, 1e-3, 1e-2),
}
FASHION = {
    HIDDEN: (50, 100, 150),
    STEPS: (80, 100, 120),
    SCALE: (80, 100, 120),
    RATE: (1e-6, 1e-5, 1e-4),
}
Point = Mapping[str, Any]


def run_of(
    point: Point,
    accuracy: float,
    *,
    data: str = "tbl",
    seconds: float = 10.0,
    spikes: float = 100.0,
    host: str = "one",
    number: int = 0,
    samples: Mapping[str, int] | None = None,
) -> Run:
    """A completed run of a point, with one accuracy on all parts."""
    accuracy = float(np.clip(accuracy, 0, 1))
    result: dict[str, Any] = {
        "data.data": data,
        "data.nb_classes": 10,
        "fit_seconds": seconds,
        "config_hash": str(sorted(point.items())),
        "device": "cpu",
        "start": f"2026-11-20T{number // 60 % 24:02d}:{number % 60:02d}:00+00:00",
        "end": f"2026-11-20T{number // 60 % 24:02d}:{number % 60:02d}:30+00:00",
    }
    for split, n in (samples or {"train": 100_000, "val": 100_000, "test": 100_000}).items():
        result[f"data.{split}_samples"] = n
        for weights in ("final", "best"):
            result[f"metrics.{weights}.{split}.accuracy"] = accuracy
            result[f"metrics.{weights}.{split}.loss"] = 1 - accuracy
            result[f"metrics.{weights}.{split}.hidden0/spikes_per_sample"] = spikes
    overrides = {key: str(value) for key, value in point.items()}
    name = f"run{number}"
    status = {"host": host}
    return Run(Path(name), name, "completed", dict(point), overrides, result, status)


def study_of(
    accuracy: Callable[[Point], float],
    *,
    data: str = "tbl",
    grid: Mapping[str, Sequence[Any]] = TBL,
    replicates: Sequence[int] = (1, 2, 3),
    by: str = SEED,
    noise: float = 0.002,
    replicate_noise: float = 0.01,
    interaction: float = 0.0,
    seconds: Callable[[Point], float] = lambda _: 10.0,
    spikes: Callable[[Point], float] = lambda _: 100.0,
    keep: Callable[[int, Point], bool] = lambda *_: True,
    rng: int = 0,
    **more: Any,
) -> Study:
    """A grid, run once per replicate.

    Args:
        accuracy: the true one of a point.
        data: its name.
        grid: values of each parameter.
        replicates: values of the key ``by``.
        by: what makes replicates.
        noise: standard deviation of each run's accuracy, and of the logarithm of its time.
        replicate_noise: of what all runs of a replicate share.
        interaction: of what all runs of a replicate share that have one value of a parameter.
        seconds: the true time of a point.
        spikes: of a point.
        keep: whether a replicate has run a point.
        rng: seed of all noise.
        more: for :func:`run_of`.
    """
    random, runs = np.random.default_rng(rng), []
    for replicate in replicates:
        shared = random.normal(0, replicate_noise)
        own = {(k, v): random.normal(0, interaction) for k in grid for v in grid[k]}
        for values in product(*grid.values()):
            point = dict(zip(grid, values, strict=True)) | {by: replicate}
            value = accuracy(point) + shared + sum(own[k, point[k]] for k in grid)
            value += random.normal(0, noise)
            time = seconds(point) * np.exp(random.normal(0, noise))
            if keep(replicate, point):
                run = {"seconds": time, "spikes": spikes(point), "number": len(runs)} | more
                runs.append(run_of(point, value, data=data, **run))
    return make_study(data, runs)
