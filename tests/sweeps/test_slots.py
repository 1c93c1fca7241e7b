"""Slots of GPUs, taken by real processes; no GPU is needed."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from snn.errors import ConfigError, RunError
from snn.sweeps.slots import gpu_slot, own_gpu, shared_gpus, slots_folder, use_gpu
from tests.commands import ROOT

HOLD = """
import sys
from pathlib import Path
from snn.sweeps.slots import gpu_slot
gpus, slots, folder = sys.argv[1].split(","), int(sys.argv[2]), Path(sys.argv[3])
with gpu_slot(gpus, slots, folder) as gpu:
    print(gpu, flush=True)
    sys.stdin.read()
"""

# Writes who comes and goes; nobody may come to a GPU that is full.
VISIT = """
import os, sys, time
from pathlib import Path
from snn.sweeps.slots import gpu_slot
folder = Path(sys.argv[1])
log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for _ in range(5):
    with gpu_slot(["0", "1"], 2, folder) as gpu:
        os.write(log, f"+ {gpu}\\n".encode())
        time.sleep(0.01)
        os.write(log, f"- {gpu}\\n".encode())
"""

Holder = Callable[..., subprocess.Popen]


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Holder]:
    """Starts processes that hold a slot until their input is closed."""
    started: list[subprocess.Popen] = []

    def start(gpus: str = "0,1", slots: int = 2) -> subprocess.Popen:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", HOLD, gpus, str(slots), str(tmp_path)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def gpu_of(process: subprocess.Popen) -> str:
    return process.stdout.readline().strip()


def test_idle_gpus_come_before_shared_ones(holder: Holder) -> None:
    assert [gpu_of(holder("0,1,2", 2)) for _ in range(6)] == ["0", "1", "2", "0", "1", "2"]


def test_one_who_waits_gets_the_slot_that_is_given_back(holder: Holder) -> None:
    first, second = holder("0,1", 1), holder("0,1", 1)
    held = {gpu_of(first): first, gpu_of(second): second}
    assert held.keys() == {"0", "1"}
    third = holder("0,1", 1)
    held["1"].communicate()
    assert gpu_of(third) == "1"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_killed_process_gives_its_slot_back(holder: Holder) -> None:
    first = holder("0", 1)
    assert gpu_of(first) == "0"
    second = holder("0", 1)
    first.send_signal(signal.SIGKILL)
    assert gpu_of(second) == "0"


def test_never_more_than_slots_per_gpu(tmp_path: Path) -> None:
    visitors = [
        subprocess.Popen([sys.executable, "-c", VISIT, str(tmp_path)], cwd=ROOT) for _ in range(6)
    ]
    assert [visitor.wait(timeout=120) for visitor in visitors] == [0] * 6
    present: Counter[str] = Counter()
    lines = (tmp_path / "log").read_text().splitlines()
    for line in lines:
        sign, gpu = line.split()
        present[gpu] += 1 if sign == "+" else -1
        assert 0 <= present[gpu] <= 2
    assert len(lines) == 6 * 5 * 2


def test_waiting_is_said_once(
    holder: Holder, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch
) -> None:
    first = holder("0", 1)
    gpu_of(first)
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            first.communicate()

    monkeypatch.setattr("snn.sweeps.slots.time.sleep", sleep)
    with caplog.at_level(logging.INFO), gpu_slot(["0"], 1, tmp_path):
        pass
    assert len(slept) == 3
    assert [r.message for r in caplog.records if "waiting" in r.message] == [
        "all slots of GPU 0 are taken: waiting for one"
    ]


def test_a_slot_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), gpu_slot(["0"], 1, tmp_path):
        _ = 1 / 0
    with gpu_slot(["0"], 1, tmp_path) as gpu:
        assert gpu == "0"


def test_what_cannot_be_shared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="slots_per_gpu=0"), gpu_slot(["0"], 0, tmp_path):
        pass
    with pytest.raises(ConfigError, match="at least one GPU"), gpu_slot([], 1, tmp_path):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file"), gpu_slot(["0"], 1, tmp_path / "file"):
        pass


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("2", ["2"]),
        ("0, 3", ["0", "3"]),
        ("1,-1,0", ["1"]),
        ("GPU-8932f937,MIG-GPU-1/2/0", ["GPU-8932f937", "MIG-GPU-1/2/0"]),
    ],
)
def test_visible_gpus_are_shared(monkeypatch, visible: str, gpus: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert shared_gpus() == gpus


def test_all_gpus_are_shared_where_nothing_is_said(monkeypatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert shared_gpus() == ["0", "1", "2"]


def test_slurm_has_assigned_what_a_job_of_a_point_sees(monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    assert shared_gpus() == []


def test_points_within_one_allocation_share_its_gpus_and_no_other_s(monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    folders = set()
    for job in ("7", "8"):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        assert shared_gpus() == ["0", "1"]
        folders.add(slots_folder())
    monkeypatch.delenv("SLURM_JOB_ID")
    assert len(folders | {slots_folder()}) == 3


def test_a_name_with_slashes_is_a_file_name(tmp_path: Path) -> None:
    with gpu_slot(["MIG-GPU-1/2/0"], 1, tmp_path) as gpu:
        assert gpu == "MIG-GPU-1/2/0"
        assert len(list(tmp_path.iterdir())) == 1


def test_a_gpu_is_chosen_before_cuda_starts(monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    use_gpu("1")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    with pytest.raises(RuntimeError, match="initialised CUDA"):
        use_gpu("0")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"


@pytest.mark.parametrize(
    ("trainer", "gpu"),
    [
        ({"accelerator": "auto", "devices": 1}, "0"),
        ({"accelerator": "cpu", "devices": 1}, "0,1"),
        ({"accelerator": "gpu", "devices": [1]}, "0,1"),  # chosen by the user
    ],
)
def test_a_point_takes_a_gpu_if_it_wants_one(
    monkeypatch, tmp_path: Path, trainer: dict, gpu: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr("snn.sweeps.slots.slots_folder", lambda: tmp_path)
    with own_gpu({"trainer": trainer, "sweep": {"slots_per_gpu": 1}}):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == gpu
