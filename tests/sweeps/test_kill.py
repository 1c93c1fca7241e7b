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
from tests.commands import same_weights, table, timeless
from tests.sweeps.grids import epochs_trained, run_directories, start, states, sweep

KILLS = int(os.environ.get("SNN_KILLS", "20"))
EPOCHS = 60
GRID = (
    "model.nb_hidden=8,12",
    "seed=1,2",
    f"trainer.max_epochs={EPOCHS}",
    "model.dropout=0.2",
    "scheduler=cosine",
    "data.train_eval_samples=10",
)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_killed_at_random_moments_and_restarted(tmp_path: Path) -> None:
    calm = tmp_path / "calm"
    assert sweep(calm, *GRID).returncode == 0

    chance = random.Random(7)
    kills = in_training = sweeps = 0
    # A fast machine may end a sweep before it was killed often enough; then the next is begun.
    while kills < KILLS:
        sweeps += 1
        killed = KilledSweep(tmp_path / f"killed{sweeps}", chance)
        while kills < KILLS and killed.start_and_kill(before_training=kills % 5 == 0):
            kills += 1
        in_training += killed.in_training
        killed.finish_and_compare(calm)
    assert in_training >= KILLS // 3, "the kills missed the training"


class KilledSweep:
    """A sweep in a directory of its own, and what was seen at each of its kills."""

    def __init__(self, directory: Path, chance: random.Random) -> None:
        self.directory = directory
        self.chance = chance
        self.in_training = 0
        self.completed: dict[str, int] = {}
        # (run, length of its log, epochs in its checkpoint) at each kill
        self.marks: list[tuple[str, int, int]] = []

    def runs(self) -> dict[str, Path]:
        return {p.parent.name: p.parent for p in self.directory.glob("*/status.json")}

    def log_lengths(self) -> dict[str, int]:
        return {name: len(text_of(run / "train.log")) for name, run in self.runs().items()}

    def start_and_kill(self, before_training: bool) -> bool:
        """Go on with the sweep and kill it; False if it ended by itself first."""
        before = self.log_lengths()
        process = start(self.directory, *GRID)
        if before_training:
            time.sleep(self.chance.uniform(0.0, 1.5))
        else:
            self.wait_for_epochs(self.chance.randint(1, EPOCHS // 6), before, process)
            time.sleep(self.chance.uniform(0.0, 0.1))
        struck = process.poll() is None
        if struck and self.chance.random() < 2 / 3:
            os.killpg(process.pid, signal.SIGKILL)  # everything at once, as a lost machine would
        elif struck:
            process.kill()  # the driver alone; its run must notice
        process.communicate(timeout=60)
        self.look(before)
        return struck

    def wait_for_epochs(self, count: int, before: dict[str, int], process) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            new = (text_of(p / "train.log")[before.get(n, 0) :] for n, p in self.runs().items())
            if sum(text.count("INFO epoch ") for text in new) >= count:
                return
            time.sleep(0.01)

    def look(self, before: dict[str, int]) -> None:
        """Note how far each run came; none may be completed a second time."""
        for name, run in self.runs().items():
            wait_until_gone(run)
            last = run / "checkpoints" / "last.ckpt"
            if last.exists():
                epochs = RunDirectory.load_weights(last)[1] + 1
                self.marks.append((name, len(text_of(run / "train.log")), epochs))
            if states(self.directory).get(name) == "completed":
                stamp = (run / "result.json").stat().st_mtime_ns
                assert self.completed.setdefault(name, stamp) == stamp, "completed twice"
        self.in_training += any(n > before.get(name, 0) for name, n in self.log_lengths().items())

    def finish_and_compare(self, calm: Path) -> None:
        """Let the sweep end; it must equal the undisturbed one, no epoch trained twice."""
        ended = sweep(self.directory, *GRID)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert set(states(self.directory).values()) == {"completed"}
        assert run_directories(self.directory).keys() == run_directories(calm).keys()
        for name, run in run_directories(self.directory).items():
            undisturbed = calm / name
            assert same_weights(run, undisturbed)
            a, b = read_json(run / "result.json"), read_json(undisturbed / "result.json")
            assert timeless(a) == timeless(b)
            assert table(run) == table(undisturbed)
            assert set(epochs_trained(run)) == set(range(1, EPOCHS + 1))
        for name, offset, epochs in self.marks:
            run = self.directory / name
            later = run / "later.log"
            later.write_text((run / "train.log").read_text()[offset:])
            repeated = [e for e in epochs_trained(run, later.name) if e <= epochs]
            assert not repeated, f"{name}: epochs {repeated} trained again"


def text_of(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def wait_until_gone(run: Path) -> None:
    """Until the process of a run whose driver was killed has noticed."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status = read_json(run / "status.json")
        if status["state"] != "running" or not os.path.exists(f"/proc/{status['pid']}"):
            return
        time.sleep(0.02)
    raise AssertionError(f"{run}: still running without its driver")
