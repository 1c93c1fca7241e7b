"""What an interrupted command says, and what its record adds to the one that goes on."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from snn.cli.command import preflight
from snn.cli.going_on import command as going_on
from snn.cli.going_on import with_recorded
from snn.cli.words import override, quoted
from snn.errors import RunError
from snn.files import write_json
from snn.runs import read_json
from tests.commands import ROOT, SMALL, command, same_weights

STARTED = ["data=tbl", "model.nb_hidden=[20, 10]", "+callbacks.x._target_=a.B", "seed=3"]


def record(directory: Path, **status: object) -> list[str]:
    """A run that was started as above; the command line that goes on."""
    directory.mkdir(exist_ok=True)
    write_json(directory / "status.json", {"overrides": STARTED, **status})
    return [override("hydra.run.dir", str(directory)), "ckpt_path=last"]


def test_the_record_adds_what_the_command_line_leaves_out(tmp_path: Path) -> None:
    alone = record(tmp_path / "a run")
    assert with_recorded(alone) == [*STARTED, *alone]
    assert with_recorded([*STARTED, *alone]) == [*STARTED, *alone]
    longer = ["seed=4", "callbacks.x._target_=a.C", *alone, "trainer.max_epochs=9"]
    added = ["data=tbl", "model.nb_hidden=[20, 10]", "+callbacks.x._target_=a.B"]
    assert with_recorded(longer) == [*added, *longer]
    assert with_recorded(["--cfg", "job", *alone]) == ["--cfg", "job", *STARTED, *alone]


def test_a_run_that_went_on_before_is_known_by_what_it_was_started_with(tmp_path: Path) -> None:
    alone = record(tmp_path, overrides=[*STARTED, "ckpt_path=other.ckpt"])
    assert with_recorded(alone) == [*STARTED, *alone]


def test_a_point_of_a_sweep_goes_on_by_itself(tmp_path: Path) -> None:
    alone = record(tmp_path, overrides=["sweep=tbl", "seed=3"])
    assert with_recorded(alone) == ["sweep=tbl", "seed=3", "hydra.mode=RUN", *alone]
    (tmp_path / "status.json").unlink()
    # Hydra takes it for a single run
    preflight(["sweep=randman", "hydra.mode=RUN", "hydra.run.dir=nowhere"], ROOT / "conf", "train")


def test_a_folder_of_configurations_is_named_once(tmp_path: Path) -> None:
    elsewhere = "hydra.searchpath=['file:///lab']"
    alone = record(tmp_path, overrides=[elsewhere, "seed=3"])
    assert with_recorded(alone) == [elsewhere, "seed=3", *alone]
    moved = ["--config-dir", "new", *alone]
    assert with_recorded(moved) == ["--config-dir", "new", "seed=3", *alone]


def test_an_older_run_is_known_by_hydras_record(tmp_path: Path) -> None:
    alone = record(tmp_path, overrides=None)
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra/overrides.yaml").write_text("- data=tbl\n- seed=3\n")
    assert with_recorded(alone) == ["data=tbl", "seed=3", *alone]


@pytest.mark.parametrize(
    "line",
    [
        ["seed=3"],
        ["ckpt_path=last"],
        ["hydra.run.dir=nowhere", "ckpt_path=last"],
        ["-m", "hydra.run.dir=nowhere", "ckpt_path=last"],
        ["hydra.run.dir=nowhere", "ckpt_path=last", "seed"],
    ],
)
def test_other_command_lines_stay(line: list[str]) -> None:
    assert with_recorded(line) == line


def test_a_damaged_record_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="damaged"):
        with_recorded(record(tmp_path, overrides="seed=3"))


@pytest.mark.parametrize("name", ["run", "a run", "it's, [a] = ${run}", "back\\slash"])
def test_the_command_that_goes_on_can_be_pasted(name: str, tmp_path: Path) -> None:
    before = [*STARTED, "hydra.run.dir=old", "ckpt_path=last"]
    words = shlex.split(going_on(before, tmp_path / name))[2:]
    assert words[:-2] == STARTED
    from snn.config.overrides import parse

    place, last = parse(words[-2:])
    assert place.value().replace("\\${", "${") == str(tmp_path / name)
    assert last.input_line == "ckpt_path=last"
    assert shlex.split(quoted("it's $HOME")) == ["it's $HOME"]


def test_going_on_by_the_record_alone(finished: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(finished, tmp_path / "run")
    place = (f"hydra.run.dir={directory}", "ckpt_path=last")
    ended = command(*place)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[0].endswith(f"INFO run {directory}")
    assert same_weights(finished, directory)
    assert read_json(directory / "result.json")["overrides"] == [*SMALL, "ckpt_path=last"]
    other = command(*place, "seed=2")
    assert other.returncode == 2
    assert "seed: 1 -> 2" in other.stderr
