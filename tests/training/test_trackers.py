"""Loggers beside TensorBoard receive what it receives; what cannot log is refused beforehand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger

from snn.config.rehearsal import rehearse
from snn.errors import SnnError
from snn.runs.sweep_plan import sweep_of, write_plan
from snn.training.loggers import EpochTable
from snn.training.trackers import Mlflow, Wandb, closed, compares_runs, takes_figures
from tests.commands import SMALL, config_of, run
from tests.requirements import needs

RASTER = tuple(key for key in SMALL if not key.startswith("callbacks.raster"))


class Plain(Logger):
    """Keeps what it is told."""

    told: ClassVar[list[tuple]] = []
    name, version = "plain", ""

    def log_hyperparams(self, params: dict[str, Any], *more: Any, **others: Any) -> None:
        self.told.append(("hyper-parameters", params))

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.told.append(("metrics", metrics))


class Drawing(Plain):
    """Takes figures as Weights & Biases' logger does."""

    def log_image(self, key: str, images: list[Any], step: int | None = None) -> None:
        self.told.append((key, images[0].size, step))


class Broken(Plain):
    """Cannot be made."""

    def __init__(self, save_dir: str) -> None:
        raise RuntimeError("no\nserver")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    kept: list[tuple] = []
    monkeypatch.setattr(Plain, "told", kept)
    return kept


def logger(kind: type, *more: str) -> list[str]:
    return [f"+logger.mine.{word}" for word in (f"_target_={__name__}.{kind.__name__}", *more)]


@pytest.mark.parametrize("kind", [Plain, Drawing])
def test_any_logger_receives_what_tensorboard_does(
    kind: type, told: list[tuple], tmp_path: Path
) -> None:
    run(tmp_path / "run", *RASTER, *logger(kind))
    (parameters,) = (entry[1] for entry in told if entry[0] == "hyper-parameters")
    assert parameters["model.nb_hidden"] == 24
    assert parameters["data.nb_classes"] == 4
    metrics = {key for entry in told if entry[0] == "metrics" for key in entry[1]}
    assert {"val/accuracy", "train/loss", "val_best/accuracy"} <= metrics
    drawn = {(entry[0].split("/")[0], entry[2]) for entry in told if len(entry) == 3}
    drawn -= {(name, step) for name in ("potentials", "readout") for step in (0, 2)}
    expected = {("spikes", 0), ("spikes", 2), ("confusion", 3)}
    assert drawn == (expected if kind is Drawing else set())


def test_who_takes_what(tmp_path: Path) -> None:
    table, csv = EpochTable(tmp_path), CSVLogger(tmp_path)
    board, plain, drawing = TensorBoardLogger(tmp_path), Plain(), Drawing()
    assert [compares_runs(g) for g in (table, csv, board, plain)] == [False, False, True, True]
    assert [takes_figures(g) for g in (table, csv, plain)] == [False] * 3
    assert [takes_figures(g) for g in (board, drawing)] == [True] * 2


@pytest.mark.parametrize("here", [True, False])
def test_what_cannot_be_made_is_refused_in_one_line(here: bool) -> None:
    for words in (logger(Broken, "_partial_=true"), logger(Broken, "save_dir=here")):
        config = config_of(*words)
        with pytest.raises(SnnError, match=r"^tests\.training\.test_trackers\.Broken: no server$"):
            rehearse(config, here=here)


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_is_named_with_its_extra(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    config = config_of(f"logger={name}")
    assert set(config["logger"]) == {"tensorboard", "csv", name}
    expected = rf"^logger\.{name}: {name} is not installed: pip install 'snn\[{name}\]'$"
    with pytest.raises(SnnError, match=expected):
        rehearse(config, here=True)


def test_the_sweep_of_a_run(tmp_path: Path) -> None:
    sweep = tmp_path / "grid"
    sweep.mkdir()
    assert sweep_of(sweep / "point") is None
    write_plan(sweep, [("point", ["seed=1"])], ["train.py"])
    assert sweep_of(sweep / "point") == "grid"


def test_an_error_is_not_hidden_by_one_of_a_logger() -> None:
    class Fails:
        _initialized = property(lambda self: 1 / 0)

    with pytest.raises(ValueError, match="first"), closed([Fails()]):
        raise ValueError("first")


@pytest.mark.seconds(20)
@needs("trackers")
def test_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setattr(wandb, "login", lambda **_: False)
    with pytest.raises(SnnError, match=r"nobody is logged in: .* logger\.wandb\.offline=true"):
        Wandb.check({})
    offline = ("logger=wandb", "logger.wandb.offline=true")
    run(tmp_path / "grid" / "run", *RASTER, *offline)
    assert wandb.run is None  # ended with the run
    (folder,) = (tmp_path / "grid" / "run" / "wandb").glob("offline-run-*")
    media = folder / "files" / "media" / "images"
    images = {
        str(path.relative_to(media)).replace("_", "/").split("/")[0]
        for path in media.rglob("*.png")
    }
    assert {"spikes", "confusion"} <= images
    again = Wandb(tmp_path / "grid" / "run", resume=True, sweep="grid", offline=True)
    assert again.version == folder.name.rpartition("-")[2]
    assert again._wandb_init["group"] == "grid"


@pytest.mark.seconds(30)
@needs("trackers")
def test_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    file = tmp_path / "all.db"
    point = tmp_path / "grid" / "run"
    point.parent.mkdir()
    write_plan(point.parent, [("run", [])], ["train.py"])
    run(point, *RASTER, "logger=mlflow", f"logger.mlflow.file={file}")
    client = MlflowClient(f"sqlite:///{file}")
    experiment = client.get_experiment_by_name("snn")
    (found,) = client.search_runs([experiment.experiment_id])
    assert (found.info.status, found.info.run_name) == ("FINISHED", "run")
    assert found.data.tags["sweep"] == "grid"
    assert found.data.params["model.nb_hidden"] == "24"
    assert {"val/accuracy", "val_best/accuracy"} <= found.data.metrics.keys()
    drawn = {item.path for item in client.list_artifacts(found.info.run_id)}
    assert {"spikes", "confusion"} <= drawn
    longer = ("trainer.max_epochs=4", "ckpt_path=last")
    run(point, *RASTER, "logger=mlflow", f"logger.mlflow.file={file}", *longer)
    (again,) = client.search_runs([experiment.experiment_id])
    assert again.info.run_id == found.info.run_id
    assert again.info.status == "FINISHED"
    assert Mlflow(point, file=str(file)).version != found.info.run_id
