"""What the launchers ask of a sweep: their plugins, cores for each run, a GPU for each run."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import psutil
import pytest

from snn.runs import read_json
from snn.sweeps.launchers import parallel_jobs, threads_of_job
from tests.commands import ROOT, command
from tests.requirements import needs
from tests.sweeps.grids import await_checkpoint, run_directories, start, sweep

SUBMITIT = "hydra_plugins.hydra_submitit_launcher.submitit_launcher"
LOCAL, SLURM = f"{SUBMITIT}.LocalLauncher", f"{SUBMITIT}.SlurmLauncher"
JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"


@pytest.mark.parametrize(
    ("launcher", "jobs", "threads"),
    [
        ({"_target_": JOBLIB, "n_jobs": -1}, 8, 1),
        ({"_target_": JOBLIB, "n_jobs": 2}, 2, 4),
        ({"_target_": LOCAL, "cpus_per_task": None}, 8, 1),
        ({"_target_": LOCAL, "cpus_per_task": 3}, 2, 4),
        ({"_target_": LOCAL, "cpus_per_task": 99}, 1, None),
        ({"_target_": SLURM, "cpus_per_task": 2}, None, 3),
    ],
)
def test_cores_are_shared_out(monkeypatch, launcher: dict, jobs: int | None, threads: int) -> None:
    monkeypatch.setattr("snn.sweeps.launchers.available_cores", lambda: 8)
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "3")
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    assert parallel_jobs(launcher) == jobs
    assert threads_of_job(launcher) == threads


@pytest.mark.parametrize(
    ("launcher", "missing"),
    [
        pytest.param("joblib", "joblib", marks=pytest.mark.seconds(6)),
        pytest.param("slurm_gpu", "submitit_slurm", marks=pytest.mark.long),
    ],
)
def test_a_launcher_that_is_not_installed(tmp_path: Path, launcher: str, missing: str) -> None:
    # A package of that name hides the folders that the launchers are installed into.
    package = shutil.copytree(ROOT / "hydra_plugins", tmp_path / "hydra_plugins")
    (package / "__init__.py").touch()
    refused = command("-m", "seed=1,2", f"hydra/launcher={launcher}", PYTHONPATH=str(tmp_path))
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        f"error: hydra/launcher='{missing}': must be installed: pip install -e '.[cluster]'"
    ]


@pytest.mark.seconds(5)
def test_points_share_the_gpus_of_the_machine(tmp_path: Path) -> None:
    # Whether there is such a GPU does not matter to who takes it.
    ended = sweep(
        tmp_path / "sweep",
        "seed=1,2",
        "trainer.accelerator=auto",
        "sweep.slots_per_gpu=2",
        CUDA_VISIBLE_DEVICES="GPU-none",
        TMPDIR=str(tmp_path),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    logs = [(run / "train.log").read_text() for run in run_directories(tmp_path / "sweep").values()]
    assert len(logs) == 2
    assert all("GPU GPU-none, slot 1 of 2" in log for log in logs)


@needs("launchers")
@pytest.mark.long
def test_a_stopped_sweep_stops_its_local_jobs(tmp_path: Path) -> None:
    many = ("seed=1,2,3", "trainer.max_epochs=2000", "hydra/launcher=submitit_local")
    process = start(tmp_path, *many)
    await_checkpoint(tmp_path, process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM, output
    for run in run_directories(tmp_path).values():
        status = read_json(run / "status.json")
        assert status["error"]["type"] == "Interrupted"
        assert not psutil.pid_exists(status["pid"])
