"""A wheel is all that one needs: commands, configurations and files are in it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

import snn
from tests.commands import ROOT, SMALL, timeless
from tests.install.wheel import Installed, build

PREDICT = """
import snn

trained = snn.load("run")
trained.data.setup()
test = trained.data.split("test")
print(int((trained.predict(test.inputs).classes == test.labels).sum()), len(test.labels))
"""

PROJECT = """
from typing import Annotated

from pydantic import Field

from snn.data import Randman


class Mine(Randman):
    def __init__(self, *, twice: Annotated[int, Field(gt=0)] = 1, **others) -> None:
        super().__init__(**others)
        self.twice = twice
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel without kernels."""
    return build(tmp_path_factory.mktemp("plain"), kernels=False)


@pytest.mark.seconds(10)
def test_what_is_in_it(plain: Path) -> None:
    assert plain.name.startswith(f"snn-{snn.__version__}-")
    with zipfile.ZipFile(plain) as file:
        names = set(file.namelist())
        (entry,) = (name for name in names if name.endswith("entry_points.txt"))
        entries = file.read(entry).decode()
    for command in ("snn", "snn-train", "snn-summary"):
        assert f"{command} = snn.cli." in entries
    here = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("conf/**/*.yaml")}
    assert len(here) > 30
    assert {f"snn/{name}" for name in here} <= names
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "snn").rglob("*")}
    wanted = {
        name
        for name in files
        if name.endswith((".py", ".yaml", ".js", ".css", ".html", ".hpp", ".cpp", "py.typed"))
    }
    assert wanted <= names
    tops = {name.split("/")[0] for name in names if not name.startswith("snn-")}
    assert tops == {"snn", "hydra_plugins"}


def users_project(folder: Path) -> None:
    """A data set, a preset and a sweep in a folder of the user's."""
    (folder / "mine.py").write_text(PROJECT)
    for name, text in {
        "data/mine": "defaults: [randman, _self_]\n_target_: mine.Mine\ntwice: 2\n",
        "experiment/small": "# @package _global_\n"
        "defaults: [{override /data: mine}]\nmodel: {nb_hidden: 24}\n",
    }.items():
        path = folder / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)


@pytest.mark.long
@pytest.mark.seconds(150)
def test_from_an_empty_folder(tmp_path: Path) -> None:
    installed = Installed(tmp_path / "env", build(tmp_path, kernels=True))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "snn-train [key=value ...]" in installed("snn-train", "--help", cwd=empty)

    installed("snn-train", *SMALL, "hydra.run.dir=run", cwd=empty)
    result = json.loads((empty / "run" / "result.json").read_text())
    assert result["versions.snn"] == snn.__version__
    assert result["backend"] == "cpu"

    sweep = ("-m", *SMALL, "seed=1,2", "hydra.sweep.dir=sweep")
    out = installed("snn-train", *sweep, cwd=empty)
    assert "Summarise: snn-summary sweep" in out
    installed("snn-summary", "sweep", cwd=empty)
    assert (empty / "sweep" / "summary" / "report.html").stat().st_size > 10_000
    installed("snn", "evaluate", "run", cwd=empty)

    (empty / "predict.py").write_text(PREDICT)
    correct, samples = map(int, installed("python", "predict.py", cwd=empty).split())
    assert correct / samples == pytest.approx(result["metrics.best.test.accuracy"], abs=1e-6)


@pytest.mark.long
@pytest.mark.seconds(60)
def test_a_project_of_the_users_own(tmp_path: Path, plain: Path) -> None:
    installed = Installed(tmp_path / "env", plain)
    project = tmp_path / "project"
    project.mkdir()
    users_project(project)
    own = ("--config-dir", "conf", "experiment=small", *SMALL)

    installed("snn-train", *own, "hydra.run.dir=run", cwd=project)
    config = json.loads((project / "run" / "config.json").read_text())
    assert config["data"]["_target_"] == "mine.Mine"

    installed("snn-train", "-m", *own, "seed=1,2", "hydra.sweep.dir=sweep", cwd=project)
    assert len(list((project / "sweep").glob("*/result.json"))) == 2
    search = "hydra.searchpath=[file://conf]"
    installed("snn-train", search, "experiment=small", *SMALL, "hydra.run.dir=again", cwd=project)
    first, second = (
        json.loads((project / name / "result.json").read_text()) for name in ("run", "again")
    )
    assert timeless(first) == timeless(second) | {"overrides": first["overrides"]}
    # `snn` finds the user's module too.
    installed("snn", "evaluate", "run", cwd=project)
