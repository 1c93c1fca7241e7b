"""A run's directory: never overwritten, never shared, gone on with by the same run alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from snn.errors import RunError
from snn.runs import (
    RunDirectory,
    write_json,
)
from tests.runs.configs import CONFIG, changed


def run_with(tmp_path: Path, *files: str) -> RunDirectory:
    run = RunDirectory(tmp_path)
    run.checkpoints.mkdir()
    write_json(run.config, CONFIG)
    for name in files:
        if name.endswith(".ckpt"):
            torch.save({"state_dict": {"w": torch.ones(2)}, "epoch": 3}, tmp_path / name)
        else:
            (tmp_path / name).write_text("{}")
    return run


def test_a_new_directory_starts_afresh(tmp_path: Path) -> None:
    assert RunDirectory(tmp_path / "new").checkpoint_for(None, CONFIG) is None


@pytest.mark.parametrize("kept", ["result.json", "checkpoints/last.ckpt"])
def test_work_is_not_overwritten(tmp_path: Path, kept: str) -> None:
    with pytest.raises(RunError, match="already holds a run"):
        run_with(tmp_path, kept).checkpoint_for(None, CONFIG)


def test_going_on_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds no run.*hydra\.run\.dir"):
        RunDirectory(tmp_path).checkpoint_for("last", CONFIG)
    with pytest.raises(RunError, match="no such file"):
        RunDirectory(tmp_path).checkpoint_for("nowhere.ckpt", CONFIG)


def test_going_on(tmp_path: Path) -> None:
    run = run_with(tmp_path, "status.json", "checkpoints/last.ckpt")
    assert run.checkpoint_for("last", changed(data__root="/b")) == run.last
    assert run.checkpoint_for("last", changed(trainer__max_epochs=5)) == run.last
    for other in (changed(seed=2), changed(trainer__max_epochs=2)):
        with pytest.raises(RunError, match="another configuration"):
            run.checkpoint_for("last", other)


def test_going_on_before_the_first_checkpoint_starts_again(tmp_path: Path) -> None:
    assert run_with(tmp_path, "status.json").checkpoint_for("last", CONFIG) is None


def test_another_run_s_checkpoint_is_no_way_around_the_rules(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a = run_with(tmp_path / "a", "status.json", "checkpoints/last.ckpt")
    b = run_with(tmp_path / "b", "result.json")
    assert RunDirectory(tmp_path / "c").checkpoint_for(str(a.last), CONFIG) == a.last
    with pytest.raises(RunError, match="already holds a run"):
        b.checkpoint_for(str(a.last), CONFIG)
    with pytest.raises(RunError, match="another configuration"):
        RunDirectory(tmp_path / "c").checkpoint_for(str(a.last), changed(seed=2))


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    run = run_with(tmp_path, "status.json", "checkpoints/last.ckpt")
    assert RunDirectory.load_weights(run.last)[1] == 3
    run.last.write_bytes(run.last.read_bytes()[:200])
    with pytest.raises(RunError, match=r"last\.ckpt: damaged, or not a checkpoint"):
        run.checkpoint_for("last", CONFIG)


def test_two_processes_never_share_a_directory(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from snn.runs import RunDirectory\n"
        "with RunDirectory(sys.argv[1]).owned():\n"
        "    print('mine', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "mine\n"
    with (
        pytest.raises(RunError, match="another process is training here"),
        RunDirectory(tmp_path).owned(),
    ):
        pass
    other.communicate("", timeout=60)
    with RunDirectory(tmp_path).owned():
        pass
