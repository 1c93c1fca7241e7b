"""Runs of ``train.py`` for tests: in this process, or as a command of their own.

Commands are forked from a process that has imported everything (:mod:`tests.forkserver`), unless a
test asks for a fresh interpreter: a few do, to see what a user sees.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir

from snn.config.compose import resolved
from snn.config.schema import check
from snn.runs import RunDirectory
from snn.runs.run import train
from tests.forkserver import Forked, can_fork

ROOT = Path(__file__).resolve().parents[1]

# A run that learns something in about a second.
SMALL = (
    "data.nb_train=60",
    "data.nb_test=20",
    "data.nb_classes=4",
    "data.nb_steps=30",
    "data.batch_size=64",
    "model.nb_hidden=24",
    "model.scale=10",
    "optimizer.lr=1e-2",
    "trainer.max_epochs=3",
    "trainer.accelerator=cpu",
    "callbacks.raster=null",
)

# Variables that a run in this process leaves behind; a command would not be given them.
LEFT_BEHIND = {"CUBLAS_WORKSPACE_CONFIG", "PL_GLOBAL_SEED", "PL_SEED_WORKERS"}

# What two runs of the same command may differ in.
TIMES = {"start", "end", "fit_seconds", "epoch_seconds", "samples_per_second"}


def timeless(result: dict) -> dict:
    return {
        key: value
        for key, value in result.items()
        if key not in TIMES and not key.startswith(("peak_memory_mib.", "energy."))
    }


def config_of(*overrides: str) -> dict[str, Any]:
    """A checked configuration, as the command line would make it."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = resolved(compose("train", list(overrides)))
    check(config)
    return config


def run(directory: Path, *overrides: str) -> dict[str, Any]:
    """Train in this process; the result."""
    return train(config_of(*overrides), RunDirectory(directory), list(overrides), "none")


def started(
    *arguments: str,
    script: str = "train.py",
    cwd: Path = ROOT,
    fresh: bool = False,
    merge: bool = False,
    terminal: int | None = None,
    **environment: str,
) -> Forked | subprocess.Popen[str]:
    """Start ``python train.py ...`` in a process and a session of its own.

    Args:
        arguments: of the command line.
        script: another one.
        cwd: where it is started.
        fresh: in a new interpreter.
        merge: errors are written to where output is.
        terminal: descriptor of one that both are written to.
        environment: variables beside this process's.
    """
    line = [str(ROOT / script), *arguments]
    env = {k: v for k, v in os.environ.items() if k not in LEFT_BEHIND} | environment
    if not fresh and can_fork(env):
        return Forked(line, cwd, env, merge=merge, terminal=terminal)
    return subprocess.Popen(
        [sys.executable, *line],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if terminal is None else terminal,
        stderr=subprocess.STDOUT if merge or terminal is not None else subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The same, waited for."""
    process = started(*arguments, **options)
    try:
        stdout, stderr = process.communicate(timeout=300)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def await_file(path: Path, process: Forked | subprocess.Popen[str]) -> None:
    """Wait until a process has made a file."""
    deadline = time.monotonic() + 300
    while not path.exists():
        if process.poll() is not None:
            raise AssertionError(f"it ended: {process.communicate()}")
        if time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"{path}: not there after minutes")
        time.sleep(0.01)


def weights(directory: Path, name: str = "last.ckpt") -> dict[str, torch.Tensor]:
    """The weights in a run's checkpoint."""
    file = RunDirectory(directory).checkpoints / name
    return torch.load(file, weights_only=True)["state_dict"]


def same_weights(a: Path, b: Path) -> bool:
    """Whether two runs ended with the same weights, bit for bit."""
    first, second = weights(a), weights(b)
    assert first.keys() == second.keys()
    return all(torch.equal(first[key], second[key]) for key in first)


def table(run: Path) -> list[dict[str, str]]:
    """The rows of a run's ``metrics.csv``, less the columns of time."""
    with (run / "metrics.csv").open(newline="") as file:
        return [
            {k: v for k, v in row.items() if not k.startswith("time/")}
            for row in csv.DictReader(file)
        ]
