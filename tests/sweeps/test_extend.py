"""Grids that go on past their edge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from snn.analysis.edges import edges
from snn.config.compose import Composer
from snn.runs import read_json, write_json
from snn.runs.result import RESULT_VERSION
from snn.runs.status import new_status
from snn.sweeps.extend import extended
from snn.sweeps.points import Point, expand, make_points
from snn.sweeps.sweeper import Sweep
from tests.commands import ROOT
from tests.sweeps.grids import run_directories, sweep
from tests.sweeps.test_sweep import stamps

CONF = ROOT / "conf"


@dataclass
class Peak:
    """Lets a run's accuracy fall with the distance of a key's value from the best one."""

    best: int

    def complete(self, points: list[Point]) -> list[None]:
        for point in points:
            size = point.config["model"]["nb_hidden"]
            accuracy = 1 - abs(size - self.best) / 1000
            result = {
                "schema_version": RESULT_VERSION,
                "config": dict(point.config),
                "overrides": list(point.overrides),
                "metrics.best.val.accuracy": accuracy,
                "metrics.best.train.accuracy": accuracy,
                "data.data": "randman",
            }
            point.run.path.mkdir(parents=True, exist_ok=True)
            write_json(point.run.status, new_status({}) | {"state": "completed"})
            write_json(point.run.result, result)
        return [None] * len(points)


@pytest.fixture
def composer():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield Composer(CONF, "train")


def sizes(composer: Composer, directory: Path, best: int, most: int = 3) -> list[list[int]]:
    """Hidden sizes of the grid and of each that follows from it."""
    options = OmegaConf.create({"sweep": {"extend_most": most}})
    launch = Peak(best).complete
    setting = SimpleNamespace(
        config=options,
        composer=composer,
        directory=directory,
        launch=launch,
        jobs=None,
        groups=lambda points: [[point] for point in points],
    )
    arguments = ["model.nb_hidden=100,200", "model.scale=5,10"]
    points = make_points(composer, expand(arguments, {}), directory)
    grid = Sweep(points, directory, launch, jobs=None)
    grid.run()
    found = [grid]
    for wider in extended(setting, arguments, {}, edges, grid):
        wider.run()
        found.append(wider)
    return [sorted({p.config["model"]["nb_hidden"] for p in g.points}) for g in found]


@pytest.mark.parametrize(
    ("best", "most", "last"),
    [
        (210, 3, [100, 200, 300]),
        (380, 3, [100, 200, 300, 400, 500]),
        (2000, 2, [100, 200, 300, 400]),
        (120, 3, [50, 100, 200]),
    ],
)
def test_it_goes_on_until_the_best_is_inside_or_the_limit_is_reached(
    composer: Composer, tmp_path: Path, best: int, most: int, last: list[int]
) -> None:
    before = sizes(composer, tmp_path, best, most)
    assert before[0] == [100, 200]
    assert before[-1] == last
    assert sizes(composer, tmp_path, best, most) == before  # the same grids again
    assert len(run_directories_of(tmp_path)) == 2 * len(last)


def run_directories_of(directory: Path) -> list[Path]:
    return [path.parent for path in directory.glob("*/result.json")]


@pytest.mark.long
@pytest.mark.seconds(5)
def test_as_a_command(tmp_path: Path) -> None:
    line = (
        "optimizer.lr=1e-5,1e-3",
        "sweep.extend=true",
        "sweep.extend_most=1",
        "data.nb_train=60",
    )
    ended = sweep(tmp_path, *line, "trainer.max_epochs=6", "test=false")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "is at the edge" in ended.stdout
    assert len(run_directories(tmp_path)) == 3
    assert len(read_json(tmp_path / "sweep.json")["points"]) == 3
    before = stamps(tmp_path)
    again = sweep(tmp_path, *line, "trainer.max_epochs=6", "test=false")
    assert again.returncode == 0, again.stderr
    assert stamps(tmp_path) == before
