"""Forked commands are used where they may be, and end as those in new interpreters do."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.commands import command, started
from tests.forkserver import Forked

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")


@pytest.mark.usefixtures("finished")
def test_a_run_in_this_process_keeps_no_command_from_being_forked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = started("--help")
    assert isinstance(process, Forked)
    assert process.wait(300) == 0
    monkeypatch.setenv("SNN_CPU_KERNELS", "baseline")  # may matter to an import
    other = started("--help")
    other.kill()
    other.communicate()
    assert not isinstance(other, Forked)


def test_a_killed_one_says_by_what() -> None:
    process = started("model.nb_hidden=3", "trainer.max_epochs=1000")
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


def test_its_folder_and_output_are_its_own(tmp_path: Path) -> None:
    done = command("--cfg", "job", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "nb_hidden" in done.stdout
    assert done.stderr == ""
