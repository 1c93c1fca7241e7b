"""What a run says when it is done."""

from __future__ import annotations

from pathlib import Path

from snn.cli.printout import hints, small_grid
from snn.runs import read_json
from tests.commands import SMALL


def record(*overrides: str, data: str = "snn.data.Randman", **model: object) -> dict:
    return {
        "overrides": list(overrides),
        "config": {"data": {"_target_": data}, "model": model, "optimizer": {"lr": 0.01}},
    }


def test_a_grid_is_that_of_the_run() -> None:
    overrides = ("experiment=tbl", "seed=3", "model.scale=20", "progress=lines", "ckpt_path=last")
    grid = small_grid(record(*overrides, nb_hidden=300, scale=20.0))
    assert grid == ["experiment=tbl", "seed=3", "model.nb_hidden=150,300", "model.scale=10,20"]
    assert small_grid(record(nb_hidden=[20, 10])) == ["optimizer.lr=0.005,0.01"]
    assert small_grid(record("sweep=tbl", nb_hidden=8)) == []
    assert small_grid({"overrides": [], "config": {"data": {}}}) == []


def test_hints_fit_what_the_run_left(finished: Path, tmp_path: Path) -> None:
    labels = [label for label, _ in hints(read_json(finished / "result.json"), finished)]
    assert labels == ["Record", "Look at it", "Measure it", "Other data", "A small grid"]
    bare = record("data=tbl", "logger=none", data="snn.data.TBL")
    said = dict(hints(bare, tmp_path))
    assert list(said) == ["Record", "A small grid"]
    assert said["A small grid"].endswith("-m data=tbl logger=none optimizer.lr=0.005,0.01")


def test_the_grid_of_a_run_is_a_sweep_that_could_start(finished: Path) -> None:
    from snn.cli.command import preflight
    from tests.commands import ROOT

    grid = small_grid(read_json(finished / "result.json"))
    assert [o for o in SMALL if o.split("=")[0] not in ("model.nb_hidden", "model.scale")] == (
        grid[:-2]
    )
    preflight(["-m", *grid], ROOT / "conf", "train")
