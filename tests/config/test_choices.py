"""Files that groups are chosen from, the user's own among them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra import initialize_config_dir

from snn.cli.command import preflight
from snn.config.compose import Composer
from snn.config.overrides import search_path_of
from snn.config.rehearsal import rehearse
from tests.commands import ROOT, SMALL, config_of
from tests.config.test_schema import refusal

CONF = ROOT / "conf"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "callbacks"
    folder.mkdir()
    (folder / "broken.yaml").write_text("a: [1\n")
    (folder / "tweak.yaml").write_text("defaults: [ema]\naverage: {decay: 0.9}\n")
    (folder / "timer.yaml").write_text("timer:\n  _target_: pytorch_lightning.callbacks.Timer\n")
    return tmp_path


def test_a_file_may_change_what_another_makes(own: Path) -> None:
    folder = ("--config-dir", str(own))
    preflight([*folder, "callbacks=[ema,tweak,timer]"], CONF, "train")
    assert "not both" in refusal(*folder, "callbacks=[tweak,swa,ema]")


def test_a_file_that_cannot_be_read_is_named_where_it_is_chosen(own: Path) -> None:
    folder = ("--config-dir", str(own))
    assert "broken.yaml, line 2: cannot be read" in refusal(*folder, "callbacks=broken")
    assert "callbacks.foo.bar" in refusal(*folder, "callbacks.foo.bar=1")
    assert "/nowhere: no such folder" in refusal("hydra.searchpath=[file:///nowhere]")


def test_keys_of_a_group_that_is_swept() -> None:
    """Hydra composes what all points share without what is swept, and misses its keys."""
    swept = ["-m", "callbacks=ema,swa", "sweep.dry_run=true"]
    key = "callbacks.average.start_epoch"
    assert f"must be given as ++{key}=..." in refusal(*swept, f"{key}=0")
    preflight([*swept, f"++{key}=0"], CONF, "train")


def test_folders_are_recorded_wherever_the_command_was_typed(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    def source(provider: str, schema: str, path: str) -> Any:
        return SimpleNamespace(provider=provider, schema=schema, path=path)

    sources = [
        source("main", "file", "/conf"),
        source("hydra.searchpath in command-line", "file", "it's mine"),
        source("hydra.searchpath in command-line", "pkg", "lab.conf"),
    ]
    settings = SimpleNamespace(runtime=SimpleNamespace(config_sources=sources))
    here = str(tmp_path / "it's mine").replace("'", r"\'")
    assert search_path_of(settings) == [f"hydra.searchpath=['file://{here}','pkg://lab.conf']"]


def picky(*, data: Any, optimizer: Any, scheduler: Any = None, nb_hidden: int = 1) -> None:
    """A model of somebody else's."""
    raise AssertionError(data)


def test_a_strangers_model_is_left_to_the_run() -> None:
    config = config_of(*SMALL)
    model = {"_target_": f"{__name__}.picky", "_partial_": True}
    rehearse(config | {"model": model}, here=True)


def test_models_are_tried_small() -> None:
    config = config_of(*SMALL)
    config["model"]["nb_hidden"] = [10**9, 10**9]
    rehearse(config, here=True)


@pytest.mark.parametrize(
    "point",
    [
        ["model.tau_mem_spread=null", "model.tau_distribution=gamma"],
        ["model.tau_mem=20", "model.beta=0.9"],
    ],
)
def test_a_grid_may_have_points_where_a_value_means_nothing(point: list[str]) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        Composer(CONF, "train").checked(point, here=False)
    assert "must be left out" in refusal(*point)  # of a command of its own
