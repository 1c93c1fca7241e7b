"""Configurations of the user's own lie in the user's own folder."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from snn import places
from snn.analysis.choice import best_command
from snn.analysis.records import read_records
from snn.analysis.study import studies
from snn.config.schema import check
from snn.data import Randman
from snn.errors import ConfigError
from snn.runs import read_json
from tests.commands import ROOT, SMALL, command, config_of


class Mine(Randman):
    """A data set of a user's."""

    def __init__(self, *, twice: Annotated[int, Field(gt=0)] = 1, **others: Any) -> None:
        super().__init__(**others)
        self.twice = twice


class Unreadable(Randman):
    """One whose annotations name what its module does not have."""

    def __init__(self, *, twice: NotThere = 1, **others: Any) -> None:  # noqa: F821
        super().__init__(**others)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a preset."""
    folder = tmp_path / "it's mine"
    (folder / "experiment").mkdir(parents=True)
    (folder / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nmodel: {nb_hidden: 20}\n"
    )
    return folder


def test_a_run_finds_it(own: Path, tmp_path: Path) -> None:
    small = [word for word in SMALL if not word.startswith("model.nb_hidden")]
    run = tmp_path / "run"
    done = command("--config-dir", str(own), "experiment=mine", *small, f"hydra.run.dir={run}")
    assert done.returncode == 0, done.stderr
    assert read_json(run / "config.json")["model"]["nb_hidden"] == 20


@pytest.mark.parametrize("how", ["--config-dir", "hydra.searchpath"])
def test_points_of_a_sweep_find_it(own: Path, tmp_path: Path, how: str) -> None:
    quoted = str(own).replace("'", r"\'")
    words = {
        "--config-dir": ("--config-dir", str(own)),
        "hydra.searchpath": (f"hydra.searchpath=['file://{quoted}']",),
    }
    sweep = ("seed=1,2", "sweep.dry_run=true", f"hydra.sweep.dir={tmp_path / 'sweep'}")
    done = command("-m", *words[how], "experiment=mine", *sweep)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("_mine-") == 2


def test_what_is_printed_and_recorded_finds_it_again(own: Path, tmp_path: Path) -> None:
    """The grid that is proposed, the run that goes on, and the sweep's best point."""
    small = [word for word in SMALL if not word.startswith("model.nb_hidden")]
    run, sweep = tmp_path / "run", tmp_path / "sweep"
    folder = ("--config-dir", str(own))
    done = command(*folder, "experiment=mine", *small, f"hydra.run.dir={run}")
    assert done.returncode == 0, done.stderr
    proposed = next(line for line in done.stdout.splitlines() if line.startswith("A small grid"))
    words = shlex.split(proposed.partition(":")[2])
    again = command(*words[words.index("-m") :], "sweep.dry_run=true", f"hydra.sweep.dir={sweep}")
    assert again.returncode == 0, again.stderr
    assert again.stdout.endswith("4 points: 4 new\n")

    done = command(f"hydra.run.dir={run}", "ckpt_path=last", "trainer.max_epochs=4")
    assert done.returncode == 0, done.stderr
    assert read_json(run / "config.json")["model"]["nb_hidden"] == 20

    points = ("seed=1", "model.scale=10,20", f"hydra.sweep.dir={sweep}")
    done = command("-m", *folder, "experiment=mine", *small, *points)
    assert done.returncode == 0, done.stderr
    (study,) = studies(read_records(sweep), None)
    words = shlex.split(best_command(study))
    words = words[words.index(*study.runs[0].elsewhere) :]
    again = command(*words, f"hydra.run.dir={tmp_path / 'best'}")
    assert again.returncode == 0, again.stderr


def test_its_errors_are_found_before_anything_runs(own: Path, tmp_path: Path) -> None:
    folder = ("--config-dir", str(own))
    done = command(*folder, "experiment=mien")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: experiment='mien': must be one of ")
    assert "mine" in done.stderr
    assert "tbl_best" in done.stderr

    done = command(*folder, "experiment=mine", "model.nb_hiden=3")
    assert done.returncode == 2
    assert "did you mean 'model.nb_hidden'" in done.stderr

    done = command("--config-dir", str(tmp_path / "none"), "seed=1")
    assert (done.returncode, done.stderr) == (
        2,
        f"error: --config-dir {tmp_path / 'none'}: no such folder\n",
    )

    done = command(*folder, "hydra.searchpath=[file://elsewhere]")
    assert done.returncode == 2
    assert "not both" in done.stderr


def test_the_classes_of_a_users_own_share_the_parameters_of_their_bases() -> None:
    config = config_of(*SMALL)
    config["data"] |= {"_target_": f"{__name__}.Mine", "twice": 2}
    check(config)
    with pytest.raises(ConfigError, match=r"data\.nb_steps=0: must be greater than 0"):
        check(config | {"data": config["data"] | {"nb_steps": 0}})
    with pytest.raises(ConfigError, match=r"data\.twice=0: must be greater than 0"):
        check(config | {"data": config["data"] | {"twice": 0}})
    with pytest.raises(ConfigError, match=r"data\.twise=2: .* did you mean 'twice'"):
        check(config | {"data": config["data"] | {"twise": 2}})


def test_annotations_that_cannot_be_read_are_named() -> None:
    config = config_of(*SMALL)
    config["data"]["_target_"] = f"{__name__}.Unreadable"
    with pytest.raises(ConfigError, match=r"Unreadable.__init__.*NotThere"):
        check(config)


def test_commands_are_named_as_they_can_be_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    assert places.program("train") == "python train.py"
    assert places.program("summary") == "python sweep_summary.py"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert places.program("train") == shlex.join(["python", str(ROOT / "train.py")])
    (tmp_path / "snn-train").touch()
    assert places.program("train") == "snn-train"
    assert places.config_dir() == ROOT / "conf"
