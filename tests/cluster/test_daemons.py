"""The Slurm of the tests: it starts, says what is wrong, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.slurm import CONF, Slurm, SlurmError
from tests.commands import ROOT
from tests.requirements import needs

pytestmark = needs("slurm")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="slurm-") as name:
        yield Path(name)


def processes_of(slurm: Slurm) -> list[str]:
    """Command lines of all processes that inherited this cluster's configuration."""
    mark = f"SLURM_CONF={slurm.conf}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_text())
        except OSError:
            continue
    return found


@pytest.mark.seconds(4)
def test_nothing_is_left_of_a_stopped_cluster(folder: Path) -> None:
    slurm = Slurm(folder)
    slurm.start()
    try:
        job = slurm.run("sbatch", "--parsable", "--output=/dev/null", "--wrap", "sleep 300")
        slurm.wait_until(lambda: slurm.state(job) == "RUNNING")
        with_gpu = ("srun", "--ntasks=1", "--gpus-per-node=1")
        assert slurm.run(*with_gpu, "printenv", "CUDA_VISIBLE_DEVICES") == "0"
        slurm.wait_until(lambda: any("sleep" in line for line in processes_of(slurm)))
        with pytest.raises(SlurmError, match="stop it first"):
            slurm.start()
    finally:
        slurm.stop()
    assert processes_of(slurm) == []
    slurm.stop()  # twice is once
    assert not slurm.pids.exists()


def test_a_daemon_that_dies_is_reported_with_its_log(folder: Path, monkeypatch) -> None:
    monkeypatch.setattr("tests.cluster.slurm.CONF", CONF + "NoSuchKey=1\n")
    slurm = Slurm(folder)
    with pytest.raises(SlurmError, match=r"(?s)did not become ready.*slurmctld: (error|fatal)"):
        slurm.start()
    assert processes_of(slurm) == []


def test_a_folder_too_deep_for_a_socket_is_refused(folder: Path) -> None:
    with pytest.raises(SlurmError, match="too long for a socket"):
        Slurm(folder / ("deep" * 30)).start()


@pytest.mark.long
def test_daemons_do_not_outlive_a_killed_test(folder: Path) -> None:
    code = (
        f"from tests.cluster.slurm import Slurm; Slurm({str(folder)!r}).start(); print(1, flush=1)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}; input()"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    slurm = Slurm(folder)
    try:
        assert process.stdout.readline().strip() == "1"
        assert len(processes_of(slurm)) >= 3
        process.kill()
        process.communicate()
        slurm.wait_until(lambda: not processes_of(slurm))
    finally:
        process.kill()
        slurm.stop()
