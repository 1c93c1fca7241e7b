"""The points of a grid: expanded, checked, named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.config.compose import Composer, resolved
from snn.errors import SnnError
from snn.runs.sweep_plan import write_plan
from snn.sweeps.points import expand, make_points, name_of
from tests.commands import ROOT, config_of

CONF = ROOT / "conf"


@pytest.fixture
def composer():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield Composer(CONF, "train")


@pytest.mark.parametrize("name", ["fashion_mnist", "shd", "tbl", "randman"])
def test_each_sweep_has_81_points_of_its_own(composer: Composer, name: str) -> None:
    cfg = compose("train", [f"sweep={name}"], return_hydra_config=True)
    lines = expand([f"sweep={name}"], dict(cfg.hydra.sweeper.params))
    assert len(lines) == 81
    points = make_points(composer, lines, Path("sweep"))
    assert len({point.name for point in points}) == 81
    for point in points:
        assert point.config["data"]["_target_"].lower().endswith(name.replace("_", ""))


def test_a_list_on_the_command_line_takes_the_place_of_the_sweeps_own() -> None:
    lines = expand(["model.scale=7"], {"model.scale": "1,2,3", "seed": "1,2"})
    assert lines == [["model.scale=7", "seed=1"], ["model.scale=7", "seed=2"]]


def test_points_that_are_the_same_run_are_one(
    composer: Composer, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [["model.scale=10"], ["model.scale=10.0"], ["seed=1", "model.scale=10"]]
    assert len(make_points(composer, lines, Path("x"))) == 1
    assert "model.scale=10 and model.scale=10.0 are the same run" in caplog.text


def test_points_cannot_start_from_one_checkpoint(composer: Composer) -> None:
    with pytest.raises(SnnError, match="ckpt_path='last': must be null in a sweep"):
        make_points(composer, [["ckpt_path=last"]], Path("x"))


@pytest.mark.parametrize(
    "change",
    ["threads=1", "data.root=/elsewhere", "trainer.accelerator=cpu", "logger=none", "progress=none",
     "model.backend=einsum", "sweep.redo=true"],
)  # fmt: skip
def test_where_a_run_is_computed_does_not_change_its_name(change: str) -> None:
    assert name_of(config_of(change)) == name_of(config_of())


@pytest.mark.parametrize(
    "change", ["seed=2", "optimizer.lr=0.1", "model.nb_hidden=[8,8]", "trainer.max_epochs=3"]
)
def test_what_changes_the_result_changes_the_name(change: str) -> None:
    assert name_of(config_of(change)) != name_of(config_of())


def test_names_are_readable() -> None:
    name = name_of(config_of("model.nb_hidden=[200,100]", "model.regularizer=1e-6", "seed=3"))
    assert name.startswith("hidden200x100_steps50_scale100_reg1e-06_seed3-")


def test_points_are_named_by_what_is_swept(composer: Composer, tmp_path: Path) -> None:
    lines = expand(["optimizer=adam,sgd", "model.tau_mem=5,7.5", "seed=3", "threads=1"], {})
    names = [point.name.rsplit("-", 1)[0] for point in make_points(composer, lines, tmp_path)]
    assert names == [f"{o}_tau_mem{t}_seed3" for o in ("adam", "sgd") for t in ("5", "7.5")]


def test_commands_that_share_a_directory_are_told_apart(composer: Composer, tmp_path: Path) -> None:
    names = []
    for change in ([], ["model.dropout=0.1"], ["~callbacks.best"]):
        lines = expand(["seed=1,2", "test=false", *change], {})
        names += [p.name.rsplit("-", 1)[0] for p in make_points(composer, lines, tmp_path)]
    assert names == [
        *("seed1", "seed2", "seed1_dropout0.1", "seed2_dropout0.1", "seed1_bestoff"),
        "seed2_bestoff",
    ]


def test_a_run_keeps_the_name_that_it_has(composer: Composer, tmp_path: Path) -> None:
    (first,) = make_points(composer, [["seed=3"]], tmp_path)
    old = name_of(first.config)  # as all points were called once
    assert old.endswith(first.name[-13:])
    assert old != first.name
    (tmp_path / old).mkdir()
    (tmp_path / old / "status.json").write_text("{}")
    points = make_points(composer, expand(["seed=2,3"], {}), tmp_path)
    assert points[1].name == old
    assert points[0].name.startswith("seed2-")


def test_a_point_that_is_planned_has_a_name(composer: Composer, tmp_path: Path) -> None:
    first = make_points(composer, expand(["seed=2,3", "model.scale=5"], {}), tmp_path)
    write_plan(tmp_path, ((point.name, point.overrides) for point in first), ["train.py"])
    other = make_points(composer, expand(["seed=3", "model.scale=5,6"], {}), tmp_path)
    assert other[0].name == first[1].name
    assert other[1].name.startswith("scale6_seed3-")


OVERRIDES = st.lists(
    st.sampled_from(
        ["model.nb_hidden=8", "seed=3", "data=tbl", "optimizer=adamax", "optimizer.lr=0.5",
         "experiment=shd", "model.tau_mem=7.5", "callbacks=early_stopping", "data.nb_steps=152",
         "+trainer.max_steps=9", "logger.csv=null"]
    ),
    unique_by=lambda text: text.split("=")[0],
)  # fmt: skip


@pytest.mark.seconds(6)
@settings(max_examples=8, deadline=None)
@given(OVERRIDES)
def test_points_are_composed_as_hydra_composes_them(overrides: list[str]) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composer = Composer(CONF, "train")
        for _ in range(2):  # the second time from what was kept
            ours = resolved(composer.compose(overrides))
            assert ours == resolved(compose("train", overrides))


def test_a_wrong_point_is_named(composer: Composer) -> None:
    lines = expand(["model.nb_hidden=10,0,20", "seed=1,2"], {})
    with pytest.raises(SnnError) as refusal:
        make_points(composer, lines, Path("x"))
    message = str(refusal.value)
    assert message.startswith("point 3 of 6 (model.nb_hidden=0 seed=1): model.nb_hidden=0")


def test_intervals_are_for_searches() -> None:
    with pytest.raises(SnnError, match="intervals are for searches: search=optuna"):
        expand(["optimizer.lr=interval(0.1,0.2)"], {})
