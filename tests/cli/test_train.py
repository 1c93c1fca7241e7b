"""Whole runs: every data set, repeatable, resumable, recorded."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch

from snn import kernels
from snn.config.assembly import build
from snn.runs import RunDirectory, read_json
from tests.commands import SMALL, command, config_of, run, same_weights, timeless
from tests.data.files import write_fashion_mnist, write_shd, write_tbl
from tests.sweeps.mishaps import mishap


def test_default_data_learn(finished: Path) -> None:
    result = read_json(finished / "result.json")
    assert result["metrics.final.test.accuracy"] > 0.6
    assert result["metrics.final.train.loss"] < 1.3


@pytest.mark.parametrize(
    ("data", "overrides"),
    [
        (write_fashion_mnist, ["data=fashion_mnist", "data.nb_steps=30"]),
        (write_shd, ["data=shd", "data.nb_steps=30"]),
        (write_shd, ["data=shd", "data.split=speaker", "model.nb_hidden=[16,12]"]),
        (write_tbl, ["data=tbl", "model.reduction=mean", "data.nb_steps=76"]),
    ],
)
def test_each_data_set_from_file_to_result(tmp_path: Path, data, overrides: list[str]) -> None:
    data(tmp_path / "root")
    result = run(
        tmp_path / "run",
        *overrides,
        f"data.root={tmp_path / 'root'}",
        f"data.cache={tmp_path / 'cache'}",
        "data.download=false",
        "trainer.max_epochs=2",
        "model.regularizer=1e-5",
        "model.weight_scale=1",
        "optimizer.lr=1e-2",
    )
    assert result["epochs"] == 2
    assert result["data.test_samples"] > 0
    assert 0 <= result["metrics.final.test.accuracy"] <= 1
    assert result["metrics.final.train.regularizer"] > 0
    assert result["metrics.final.train.hidden0/spikes_per_sample"] > 0
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()


WRITERS = {"fashion_mnist": write_fashion_mnist, "shd": write_shd, "tbl": write_tbl}


PRESETS = (*(f"{name}{kind}" for name in WRITERS for kind in ("", "_best")), "shd_adlif")


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_run(tmp_path: Path, preset: str) -> None:
    next(write for name, write in WRITERS.items() if preset.startswith(name))(tmp_path)
    result = run(
        tmp_path / "run",
        f"experiment={preset}",
        f"data.root={tmp_path}",
        f"data.cache={tmp_path / 'cache'}",
        "trainer.max_epochs=1",
    )
    assert result["epochs"] == 1
    assert result["backend"] == ("cpu" if kernels.available() else "einsum")


def test_the_same_command_gives_the_same_result(finished: Path, tmp_path: Path) -> None:
    again = run(tmp_path, *SMALL)
    # through JSON, as a reader sees it
    again = json.loads((tmp_path / "result.json").read_text())
    assert timeless(again) == timeless(read_json(finished / "result.json"))
    assert same_weights(finished, tmp_path)


def test_another_seed_gives_another_network_on_the_same_split(
    finished: Path, tmp_path: Path
) -> None:
    run(tmp_path, *SMALL, "seed=2")
    assert not same_weights(finished, tmp_path)
    splits = []
    for seed in (1, 2):
        datamodule = build(
            config_of(*SMALL, f"seed={seed}"), tmp_path, progress="none", resume=False
        ).datamodule
        splits.append(datamodule.val.index)
    assert torch.equal(*splits)


def test_result_is_complete(finished: Path) -> None:
    result = read_json(finished / "result.json")
    for which in ("final", "best"):
        for split in ("train", "val", "test"):
            for metric in ("accuracy", "loss"):
                assert isinstance(result[f"metrics.{which}.{split}.{metric}"], float)
    assert result["overrides"] == list(SMALL)
    assert result["config"]["model"]["nb_hidden"] == 24
    assert result["seed"] == 1
    assert result["nb_parameters"] == 40 * 24 + 24 * 24 + 24 * 4
    assert result["epochs"] == 3
    assert 1 <= result["best_epoch"] <= 3
    assert result["fit_seconds"] > result["epoch_seconds"] > 0
    assert result["samples_per_second"] == pytest.approx(216 / result["epoch_seconds"])
    assert result["versions.torch"] == torch.__version__
    assert result["peak_memory_mib.host"] > 50
    assert result["device"] == "cpu"
    nested = [key for key, value in result.items() if isinstance(value, dict)]
    assert nested == ["config"]
    status = read_json(finished / "status.json")
    assert status["state"] == "completed"
    assert status["config_hash"] == result["config_hash"]


def test_train_accuracy_is_that_of_the_final_weights(finished: Path, tmp_path: Path) -> None:
    result = read_json(finished / "result.json")
    parts = build(config_of(*SMALL), tmp_path, progress="none", resume=False)
    state, _ = RunDirectory(finished).load_weights(finished / "checkpoints" / "last.ckpt")
    parts.module.load_state_dict(state)
    parts.module.eval()
    x, y = parts.datamodule.train[torch.arange(len(parts.datamodule.train))]
    with torch.no_grad():
        accuracy = (parts.module(x).logits.argmax(1) == y).double().mean().item()
    assert result["metrics.final.train.accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_table(finished: Path) -> None:
    result = read_json(finished / "result.json")
    with (finished / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert float(rows[-1]["val/accuracy"]) == pytest.approx(result["metrics.final.val.accuracy"])


def test_without_validation_nothing_is_chosen(tmp_path: Path) -> None:
    result = run(tmp_path, *SMALL, "data.val_fraction=0")
    assert "metrics.final.val.accuracy" not in result
    assert result["metrics.best.test.accuracy"] is None
    assert result["best_epoch"] is None
    assert result["data.train_samples"] == 240
    assert not (tmp_path / "checkpoints" / "best.ckpt").exists()


def test_missing_data_end_in_one_line(tmp_path: Path) -> None:
    done = command(
        "data=fashion_mnist",
        f"data.root={tmp_path / 'nothing'}",
        f"data.cache={tmp_path / 'cache'}",
        "data.download=false",
        f"hydra.run.dir={tmp_path / 'run'}",
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "train-images-idx3-ubyte" in done.stderr
    status = read_json(tmp_path / "run" / "status.json")
    assert status["state"] == "failed"
    assert status["error"]["type"] == "DataError"


def test_a_run_that_fails_in_the_midst_is_no_wrong_configuration(tmp_path: Path) -> None:
    done = command(*SMALL, *mishap(24, "diverge"), f"hydra.run.dir={tmp_path}")
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert read_json(tmp_path / "status.json")["error"]["type"] == "DivergedError"
    again = command(*SMALL, f"hydra.run.dir={tmp_path}")
    assert again.returncode == 2, again.stderr


def test_early_stopping_and_a_scheduler_compose(tmp_path: Path) -> None:
    result = run(
        tmp_path,
        *SMALL,
        "callbacks=early_stopping",
        "callbacks.early_stopping.patience=1",
        "scheduler=step",
        "optimizer.lr=1e-9",
        "trainer.max_epochs=20",
    )
    assert result["epochs"] < 20
