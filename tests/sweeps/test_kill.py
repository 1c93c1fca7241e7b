"""A sweep that is killed again and again ends as one that was left alone.

``SNN_KILLS=100 python -m pytest tests/sweeps/test_kill.py`` kills it more often.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from snn.runs import RunDirectory, read_json
from tests.sweeps.grids import epochs_trained, run_directories, start, states, sweep, table
from tests.training import same_weights, timeless

KILLS = int(os.environ.get("SNN_KILLS", "20"))
GRID = (
    "model.nb_hidden=8,12",
    "seed=1,2",
    "trainer.max_epochs=60",
    "model.dropout=0.2",
    "scheduler=cosine",
    "data.train_eval_samples=10",
)


def text_of(log: Path) -> str:
    return log.read_text() if log.exists() else ""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_killed_at_random_moments_and_restarted(tmp_path: Path) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    assert sweep(calm, *GRID).returncode == 0

    chance = random.Random(7)
    completed: dict[str, int] = {}
    # (run, length of its log, epochs in its checkpoint) at each kill
    marks: list[tuple[str, int, int]] = []
    in_training = 0
    for kill in range(KILLS):
        before = {name: len(text_of(p / "train.log")) for name, p in _runs(killed).items()}
        process = start(killed, *GRID)
        # Mostly in the midst of training, now and then before it has begun.
        if kill % 5:
            _wait_for_an_epoch(killed, before, process)
        time.sleep(chance.uniform(0.0, 1.5))
        if kill % 3:
            os.killpg(process.pid, signal.SIGKILL)  # everything at once, as a lost machine would
        else:
            process.kill()  # the driver alone; its run must notice
        process.communicate(timeout=60)
        for name, run in _runs(killed).items():
            _wait_until_gone(run)
            last = run / "checkpoints" / "last.ckpt"
            if last.exists():
                epochs = RunDirectory.load_weights(last)[1] + 1
                marks.append((name, len(text_of(run / "train.log")), epochs))
            in_training += len(text_of(run / "train.log")) > before.get(name, 0)
            if states(killed).get(name) == "completed":
                stamp = (run / "result.json").stat().st_mtime_ns
                assert completed.setdefault(name, stamp) == stamp, "completed twice"
    assert in_training >= KILLS // 3, "the kills missed the training"

    ended = sweep(killed, *GRID)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert set(states(killed).values()) == {"completed"}
    assert run_directories(killed).keys() == run_directories(calm).keys()
    for name, run in run_directories(killed).items():
        undisturbed = calm / name
        assert same_weights(run, undisturbed)
        a, b = read_json(run / "result.json"), read_json(undisturbed / "result.json")
        assert timeless(a) == timeless(b)
        assert table(run) == table(undisturbed)
        assert set(epochs_trained(run)) == set(range(1, 61))
    for name, offset, epochs in marks:
        run = killed / name
        later = run / "later.log"
        later.write_text((run / "train.log").read_text()[offset:])
        repeated = [e for e in epochs_trained(run, later.name) if e <= epochs]
        assert not repeated, f"{name}: epochs {repeated} trained again"


def _runs(directory: Path) -> dict[str, Path]:
    return {p.parent.name: p.parent for p in directory.glob("*/status.json")}


def _wait_for_an_epoch(directory: Path, before: dict[str, int], process) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for name, run in _runs(directory).items():
            new = text_of(run / "train.log")[before.get(name, 0) :]
            if "INFO epoch " in new:
                return
        time.sleep(0.02)


def _wait_until_gone(run: Path) -> None:
    """Until the process of a run whose driver was killed has noticed."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status = read_json(run / "status.json")
        if status["state"] != "running" or not os.path.exists(f"/proc/{status['pid']}"):
            return
        time.sleep(0.02)
    raise AssertionError(f"{run}: still running without its driver")
