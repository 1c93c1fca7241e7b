"""Sweeps of small runs for tests, each as a command of its own."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from snn.runs import read_json
from tests.commands import SMALL, command, started
from tests.forkserver import Forked

# The bookkeeping of a sweep is tested, so the runs themselves may be tiny.
TINY = (*SMALL, "data.nb_train=20", "threads=1", "logger=csv")


def sweep(directory: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """``python train.py -m ...`` into a directory."""
    return command("-m", *TINY, f"hydra.sweep.dir={directory}", *arguments, **options)


def swept(directory: Path, *arguments: str) -> Path:
    """The directory, with such a sweep at its end."""
    ended = sweep(directory, *arguments)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return directory


def start(directory: Path, *arguments: str, **options: Any) -> Forked | subprocess.Popen[str]:
    """The same without waiting for its end; both outputs in one."""
    line = ("-m", *TINY, f"hydra.sweep.dir={directory}", *arguments)
    return started(*line, merge=True, **options)


def await_checkpoint(directory: Path, process: Forked | subprocess.Popen[str]) -> None:
    """Wait until a point has trained an epoch."""
    deadline = time.monotonic() + 300
    while not list(directory.glob("*/checkpoints/last.ckpt")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def run_directories(directory: Path) -> dict[str, Path]:
    """Directories of the points, by name."""
    return {p.parent.name: p.parent for p in sorted(directory.glob("*/config.json"))}


def states(directory: Path) -> dict[str, str]:
    """What stands in each point's ``status.json``."""
    found = run_directories(directory)
    return {name: read_json(path / "status.json")["state"] for name, path in found.items()}


def epochs_trained(run: Path, log: str = "train.log") -> list[int]:
    """Each epoch that a point's log says was trained, from 1, in order."""
    lines = (run / log).read_text().splitlines()
    return [int(line.split("epoch ")[1].split("/")[0]) for line in lines if "INFO epoch " in line]
