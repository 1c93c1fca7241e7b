"""Averages of weights: which, from when on, and through validation, checkpoints and resumption."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from snn.config.assembly import build
from snn.errors import ConfigError, RunError
from snn.runs import RunDirectory, read_json
from snn.training.callbacks import WeightAverage
from snn.training.callbacks.averaging import moving_average
from tests.commands import SMALL, config_of, run, same_weights, timeless, weights

EMA = ("callbacks=ema", "callbacks.average.decay=0.9")
SWA = ("callbacks=swa", "callbacks.average.start_epoch=1")


def checkpoint(directory: Path, name: str = "last.ckpt") -> dict:
    return torch.load(directory / "checkpoints" / name, weights_only=True)


class Path_(pl.Callback):
    """Notes the latest weights after each step."""

    def __init__(self) -> None:
        self.weights: list[torch.Tensor] = []
        self.epochs: list[int] = []

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module, *_) -> None:
        self.weights.append(pl_module.network.readout.weight.detach().clone())
        self.epochs.append(trainer.current_epoch)


def trained(tmp_path: Path, *overrides: str) -> tuple[torch.Tensor, Path_]:
    """The readout's weights at the end, and the path that led there."""
    parts = build(config_of(*SMALL, *overrides), tmp_path, progress="none", resume=False)
    path = Path_()
    parts.trainer.callbacks.append(path)
    parts.trainer.fit(parts.module, datamodule=parts.datamodule)
    return parts.module.network.readout.weight.detach(), path


def test_the_decay_of_a_moving_average_grows() -> None:
    update = moving_average(0.3)
    first = update(torch.tensor(11.0), torch.tensor(0.0), torch.tensor(1))
    assert first.item() == pytest.approx(11 * 2 / 11)
    later = update(torch.tensor(10.0), torch.tensor(0.0), torch.tensor(100))
    assert later.item() == pytest.approx(3.0)


def test_ema_is_the_average_of_the_steps(tmp_path: Path) -> None:
    end, path = trained(tmp_path, *EMA)
    average = path.weights[0]
    for count, weight in enumerate(path.weights[1:], start=1):
        decay = min(0.9, (1 + count) / (10 + count))
        average = decay * average + (1 - decay) * weight
    assert torch.allclose(end, average, atol=1e-6)
    assert not torch.allclose(end, path.weights[-1], atol=1e-4)


def test_swa_is_the_mean_of_epochs_from_its_start(tmp_path: Path) -> None:
    end, path = trained(tmp_path, *SWA)
    last = [max(i for i, e in enumerate(path.epochs) if e == epoch) for epoch in range(3)]
    mean = torch.stack([path.weights[i] for i in last[1:]]).mean(0)
    assert torch.allclose(end, mean, atol=1e-6)


def test_before_its_start_it_is_the_latest_weights(tmp_path: Path) -> None:
    result = run(tmp_path, *SMALL, "callbacks=swa", "callbacks.average.start_epoch=2")
    plain = run(tmp_path / "plain", *SMALL)
    # Also the last epoch, the only member of the mean.
    same = {k: v for k, v in timeless(result).items() if k.startswith("metrics.")}
    assert {k: plain[k] for k in same} == same


def test_a_start_that_never_comes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"callbacks\.average\.start_epoch"):
        trained(tmp_path, "callbacks=swa", "callbacks.average.start_epoch=3")


def test_what_is_validated_is_what_is_saved_and_measured(tmp_path: Path) -> None:
    result = run(tmp_path, *SMALL, *EMA)
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    last = float(rows[-1]["val/loss"])
    assert result["metrics.final.val.loss"] == pytest.approx(last, abs=1e-6)
    best = float(rows[result["best_epoch"] - 1]["val/loss"])
    assert result["metrics.best.val.loss"] == pytest.approx(best, abs=1e-6)
    saved = checkpoint(tmp_path)
    average, latest = saved["state_dict"], saved["current_model_state"]
    assert not torch.equal(average["network.readout.weight"], latest["network.readout.weight"])
    # Without an average the path is the same, and ends at the latest weights.
    run(tmp_path / "plain", *SMALL)
    assert torch.equal(
        weights(tmp_path / "plain")["network.readout.weight"], latest["network.readout.weight"]
    )


@pytest.mark.parametrize("average", [EMA, SWA])
def test_a_resumed_run_has_the_same_average(tmp_path: Path, average: tuple[str, ...]) -> None:
    task = [*SMALL, *average, "augment=event_dropout", "model.dropout=0.2"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    first = run(whole, *task, "trainer.max_epochs=4")
    run(parts, *task, "trainer.max_epochs=2")
    second = run(parts, *task, "trainer.max_epochs=4", "ckpt_path=last")
    assert same_weights(whole, parts)
    same = {k: v for k, v in timeless(first).items() if k.startswith("metrics.")}
    assert {k: second[k] for k in same} == same


def test_going_on_with_a_finished_run_measures_the_average(tmp_path: Path) -> None:
    first = run(tmp_path, *SMALL, *EMA)
    again = run(tmp_path, *SMALL, *EMA, "ckpt_path=last")
    assert {k: again[k] for k in first if k.startswith("metrics.")} == {
        k: v for k, v in first.items() if k.startswith("metrics.")
    }


def test_an_average_is_part_of_the_task(tmp_path: Path, finished: Path) -> None:
    assert config_of(*SMALL)["callbacks"].keys() == config_of(*SMALL, *EMA)["callbacks"].keys() - {
        "average"
    }
    with pytest.raises(RunError, match=r"callbacks\.average"):
        RunDirectory(finished).checkpoint_for("last", config_of(*SMALL, *EMA))
    assert read_json(finished / "status.json")["state"] == "completed"


def test_lightning_calls_what_is_relied_on() -> None:
    """The hooks that the average is built on exist in this version of Lightning."""
    for hook in ("on_train_batch_end", "on_validation_epoch_start", "_copy_average_to_current"):
        assert hasattr(WeightAverage.__mro__[1], hook)
