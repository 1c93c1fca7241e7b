"""Two workers of one study, killed again and again: no trial is lost, repeated or told twice.

Three kills in the quick tier, twenty in the long one.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from snn.runs import RunDirectory
from tests.requirements import needs
from tests.sweeps.grids import epochs_trained, run_directories, start, states
from tests.sweeps.searches import SEARCH, SPACE, assert_agree, drawn, times_told

pytestmark = [
    needs("optuna"),
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
]

KILLS = int(os.environ.get("SNN_KILLS", "20"))
EPOCHS, TRIALS = 12, 5
LINE = (*SEARCH, *SPACE, f"search.n_trials={TRIALS}", f"trainer.max_epochs={EPOCHS}")


@pytest.mark.long
def test_two_workers_killed_three_times(tmp_path: Path) -> None:
    kill_until(tmp_path, seed=3, kills=3)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 104))
def test_two_workers_killed_at_random_moments(tmp_path: Path, seed: int) -> None:
    kill_until(tmp_path, seed=seed, kills=max(1, KILLS // 4))


def kill_until(tmp_path: Path, seed: int, kills: int) -> None:
    """Kill workers as often as that; whoever was killed is started again.

    A fast machine may end a search before; then the next is begun.
    """
    chance = random.Random(seed)
    done = in_work = number = 0
    while done < kills:
        number += 1
        directory = tmp_path / f"search{number}"
        workers = [start(directory, *LINE) for _ in range(2)]
        marks: list[tuple[str, int, int]] = []
        while done < kills and any(worker.poll() is None for worker in workers):
            wait_for_work(directory, workers, chance)
            victim = chance.randrange(2)
            if workers[victim].poll() is not None:
                victim = 1 - victim
            if workers[victim].poll() is not None:
                break
            in_work += bool(list(directory.glob("*/checkpoints/last.ckpt")))
            strike(workers[victim], whole=chance.random() < 2 / 3)
            done += 1
            marks += epochs_so_far(directory)
            workers[victim] = start(directory, *LINE)
        for worker in workers:
            output, _ = worker.communicate(timeout=300)
            assert worker.returncode == 0, output
        look_at(directory, marks)
    assert in_work >= kills // 2, "the kills missed the training"


def wait_for_work(directory: Path, workers: list, chance: random.Random) -> None:
    """Until some more epochs were trained, or a moment anywhere."""
    before = trained(directory)
    wanted = before + chance.randint(0, EPOCHS)
    deadline = time.monotonic() + 60
    while trained(directory) < wanted and time.monotonic() < deadline:
        if all(worker.poll() is not None for worker in workers):
            return
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 0.2))


def trained(directory: Path) -> int:
    return sum(log.read_text().count("INFO epoch ") for log in directory.glob("*/train.log"))


def strike(worker, whole: bool) -> None:
    if whole:
        os.killpg(worker.pid, signal.SIGKILL)  # everything at once, as a lost machine would
    else:
        worker.kill()  # the worker alone; its run must notice
    worker.communicate(timeout=60)


def epochs_so_far(directory: Path) -> list[tuple[str, int, int]]:
    """``(run, length of its log, epochs in its checkpoint)`` of each run."""
    found = []
    for last in directory.glob("*/checkpoints/last.ckpt"):
        run = last.parents[1]
        epochs = RunDirectory.load_weights(last)[1] + 1
        # An epoch may have been saved meanwhile: the log is read after the checkpoint.
        found.append((run.name, len((run / "train.log").read_text()), epochs))
    return found


def look_at(directory: Path, marks: list[tuple[str, int, int]]) -> None:
    """All trials are there, told once, as their records say; no epoch was trained again."""
    trials = drawn(directory)
    assert [state for state, *_ in trials] == ["COMPLETE"] * TRIALS
    told = times_told(directory)
    assert (len(told), set(told.values())) == (TRIALS, {1})
    assert set(states(directory).values()) == {"completed"}
    assert_agree(directory)
    for run in run_directories(directory).values():
        assert set(epochs_trained(run)) == set(range(1, EPOCHS + 1))
    for name, offset, epochs in marks:
        run = directory / name
        later = run / "later.log"
        later.write_text((run / "train.log").read_text()[offset:])
        repeated = [e for e in epochs_trained(run, later.name) if e <= epochs]
        assert not repeated, f"{name}: epochs {repeated} trained again"
