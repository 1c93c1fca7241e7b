"""Whole command lines in interpreters of their own, as a user starts them."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path

import pytest

from snn.runs import read_json
from tests.commands import SMALL, await_file, command, same_weights, started
from tests.hold import HOLD
from tests.sweeps.grids import states, sweep


@pytest.mark.long
def test_a_sweep_and_its_summary(tmp_path: Path) -> None:
    ended = sweep(tmp_path, "model.nb_hidden=8,12", fresh=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert list(states(tmp_path).values()) == ["completed"] * 2
    assert "2 points: 2 completed" in ended.stdout

    shown = command(str(tmp_path), script="sweep_summary.py", fresh=True)
    assert shown.returncode == 0, shown.stderr
    assert f"Report: {tmp_path}/summary/report.html" in shown.stdout
    assert (tmp_path / "summary/report.html").stat().st_size > 1000


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.seconds(20)
def test_a_run_is_stopped_and_goes_on(tmp_path: Path) -> None:
    task, held = (*SMALL, "trainer.max_epochs=4", "logger=csv", HOLD), tmp_path / "held"
    process = started(
        *task, f"hydra.run.dir={tmp_path / 'run'}", fresh=True, SNN_TEST_HOLD=str(held)
    )
    await_file(held, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGINT, said
    error, hint = said.splitlines()[-2:]
    assert error == "error: interrupted by SIGINT"
    place = [f"hydra.run.dir={tmp_path / 'run'}", "ckpt_path=last"]
    python, script, *arguments = shlex.split(hint.removeprefix("Go on with it: "))
    assert (Path(python).name, script) == ("python", "train.py")
    assert arguments == [*task, *place]

    again = command(*place, fresh=True)  # the rest stands in the run's record
    assert again.returncode == 0, again.stderr
    assert read_json(tmp_path / "run/result.json")["epochs"] == 4
    whole = command(*task, f"hydra.run.dir={tmp_path / 'whole'}")  # forked: the same to the bit
    assert whole.returncode == 0, whole.stderr
    assert same_weights(tmp_path / "run", tmp_path / "whole")


def test_a_missing_folder_of_runs_is_one_line(tmp_path: Path) -> None:
    done = command(str(tmp_path / "nowhere"), script="sweep_summary.py")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
