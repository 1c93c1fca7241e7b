"""Sweeps through every launcher, Slurm's on a real Slurm."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from snn.runs import read_json
from tests.cluster.pace import SLOW
from tests.cluster.slurm import Slurm
from tests.commands import same_weights, table, timeless
from tests.requirements import needs
from tests.sweeps.grids import epochs_trained, run_directories, start, states, sweep
from tests.sweeps.mishaps import mishap
from tests.sweeps.searches import SEARCH, drawn

pytestmark = [pytest.mark.usefixtures("slurm"), needs("slurm")]

SLURM = ("hydra/launcher=submitit_slurm", "hydra.launcher.partition=debug")
LAUNCHERS = {
    "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    "submitit_local": ("hydra/launcher=submitit_local",),
    "submitit_slurm": SLURM,
}
GRID = ("model.nb_hidden=8,12,16",)
EPOCHS = 60


def results(directory: Path) -> dict[str, dict]:
    """The records of a sweep's completed points, less times, by directory."""
    found = sorted(directory.glob("*/result.json"))
    return {path.parent.name: timeless(read_json(path)) for path in found}


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep in which one point fails, in the order of its points."""
    directory = tmp_path_factory.mktemp("basic")
    ended = sweep(directory, *GRID, *mishap(8, "raise"))
    assert ended.returncode == 1, ended.stdout + ended.stderr
    return directory


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param("joblib", marks=pytest.mark.long),
        pytest.param("submitit_local", marks=pytest.mark.long),
        pytest.param("submitit_slurm", marks=pytest.mark.seconds(25)),
    ],
)
def test_every_launcher_does_the_same(one_by_one: Path, tmp_path: Path, launcher: str) -> None:
    ended = sweep(tmp_path, *GRID, *mishap(8, "raise"), *LAUNCHERS[launcher])
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert states(tmp_path) == states(one_by_one)
    assert sorted(states(tmp_path).values()) == ["completed", "completed", "failed"]
    assert results(tmp_path) == results(one_by_one)
    for name in results(tmp_path):
        assert same_weights(tmp_path / name, one_by_one / name)
    assert "error: 1 of 3 points are not completed" in ended.stderr
    assert "RuntimeError: a mishap" in ended.stdout
    (failed,) = run_directories(tmp_path).keys() - results(tmp_path).keys()
    assert "RuntimeError: a mishap" in (tmp_path / failed / "train.log").read_text()
    assert "3 points: 2 completed, 1 failed" in ended.stdout


@pytest.mark.long
def test_a_killed_job_stops_no_other(tmp_path: Path) -> None:
    ended = sweep(tmp_path, "model.nb_hidden=8,12", *mishap(8, "kill"), *SLURM)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "error: 1 of 2 points are not completed" in ended.stderr
    assert sorted(states(tmp_path).values()) == ["completed", "running"]
    assert "its process is gone" in ended.stdout


@pytest.mark.long
def test_searches_prune_their_jobs(tmp_path: Path) -> None:
    options = ("n_warmup_steps=1", "n_startup_trials=1", "n_min_trials=1")
    line = (
        *(*SEARCH, "optimizer.lr=tag(log,interval(1e-6,1e-1))", "search.objectives=[loss]"),
        *("search.n_trials=5", "trainer.max_epochs=4", "search/pruner=median"),
        *(f"search.pruner.{option}" for option in options),
    )
    one_at_a_time = (*SLURM, "hydra.launcher.array_parallelism=1")
    for directory, launcher in ((tmp_path / "here", ()), (tmp_path / "jobs", one_at_a_time)):
        ended = sweep(directory, *line, *launcher)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "PRUNED" in {state for state, *_ in drawn(tmp_path / "jobs")}
    assert drawn(tmp_path / "jobs") == drawn(tmp_path / "here")
    assert states(tmp_path / "jobs") == states(tmp_path / "here")
    for name, run in run_directories(tmp_path / "jobs").items():
        assert same_weights(run, tmp_path / "here" / name)


@pytest.mark.long
def test_requeued_jobs_go_on(slurm: Slurm, tmp_path: Path) -> None:
    task = ("seed=1,2", f"trainer.max_epochs={EPOCHS}", SLOW)
    undisturbed = sweep(tmp_path / "undisturbed", *task, SLURM_RESTART_COUNT="1")
    assert undisturbed.returncode == 0, undisturbed.stderr

    process = start(
        tmp_path / "sweep",
        *task,
        *("hydra/launcher=slurm_gpu", "hydra.launcher.partition=debug"),
        *("hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1"),
        "hydra.launcher.timeout_min=10",
    )
    try:
        slurm.wait_until(lambda: len(list(tmp_path.glob("sweep/*/checkpoints/last.ckpt"))) == 2)
        jobs = slurm.run("squeue", "--noheader", "--array", "--format=%i").split()
        assert len(jobs) == 2
        for job in jobs:
            assert "gpu:1" in slurm.run("scontrol", "show", "job", job)
        slurm.run("scontrol", "requeue", jobs[0])  # as after pre-emption
        slurm.run("scancel", "--signal=USR2", jobs[1])  # as before the time is up
        output, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert [slurm.restarts(job) for job in jobs] == [1, 1]

    assert len(run_directories(tmp_path / "sweep")) == 2
    for name, run in run_directories(tmp_path / "sweep").items():
        whole = tmp_path / "undisturbed" / name
        assert same_weights(run, whole)
        assert table(run) == table(whole)
        epochs = epochs_trained(run)
        assert set(epochs) == set(range(1, EPOCHS + 1))
        # Killed between the end of an epoch and its checkpoint, a run repeats that one.
        assert {later - earlier for earlier, later in pairwise(epochs)} <= {0, 1}
        assert len(epochs) <= EPOCHS + 1
        assert f"going on from {run}" in (run / "train.log").read_text()
        assert read_json(run / "status.json")["state"] == "completed"
    assert os.listdir(tmp_path / "sweep" / ".submitit")
