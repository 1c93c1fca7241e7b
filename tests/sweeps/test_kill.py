"""A sweep that is killed again and again ends as one that was left alone.

Four kills in the quick tier, twenty in the long one; ``SNN_KILLS=100 python -m pytest -m long
tests/sweeps/test_kill.py`` kills more often.
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
from tests.sweeps.grids import epochs_trained, run_directories, start, states, sweep, swept

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

KILLS = int(os.environ.get("SNN_KILLS", "20"))
AT_ONCE = 4  # kills of one test
EPOCHS = 30
GRID = (
    "model.nb_hidden=8,12",
    "seed=1,2",
    f"trainer.max_epochs={EPOCHS}",
    "model.dropout=0.2",
    "scheduler=cosine",
    "data.train_eval_samples=10",
)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same sweep, left alone."""
    return swept(tmp_path_factory.mktemp("calm"), *GRID)


@pytest.mark.seconds(20)
def test_killed_and_restarted(calm: Path, tmp_path: Path) -> None:
    kill_and_restart(calm, tmp_path, seed=7, kills=4)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 100 + max(1, KILLS // AT_ONCE)))
def test_killed_at_random_moments_and_restarted(calm: Path, tmp_path: Path, seed: int) -> None:
    kill_and_restart(calm, tmp_path, seed, kills=AT_ONCE)


def kill_and_restart(calm: Path, tmp_path: Path, seed: int, kills: int) -> None:
    """Kill sweeps as often as that, let each end, and compare.

    The first kill comes before training, the others within. A fast machine may end a sweep before
    it was killed often enough; then the next is begun.
    """
    chance = random.Random(seed)
    done = in_training = sweeps = 0
    while done < kills:
        sweeps += 1
        killed = KilledSweep(tmp_path / f"killed{sweeps}", chance)
        while done < kills and killed.start_and_kill(before_training=done == 0):
            done += 1
        in_training += killed.in_training
        killed.finish_and_compare(calm)
    assert in_training >= kills // 2, "the kills missed the training"


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
            time.sleep(self.chance.uniform(0.0, 1.0))
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
