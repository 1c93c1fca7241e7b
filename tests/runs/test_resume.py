"""Runs that go on: after an end, after an interruption, and not where work would be lost."""

from __future__ import annotations

import csv
import shutil
import signal
import sys
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from snn.errors import RunError
from snn.runs import read_json
from snn.training.callbacks import Checkpoint
from tests.commands import (
    SMALL,
    await_file,
    command,
    run,
    same_weights,
    started,
    table,
    timeless,
    weights,
)
from tests.hold import HOLD

WITH_RANDOMNESS = (
    *("model.dropout=0.2", "model.dropout_mask=step", "optimizer=adamw"),
    *("augment=[event_dropout,time_jitter]", "model.tau_mem_spread=1", "model.learn_beta=neuron"),
)


def test_a_longer_run_goes_on_where_the_shorter_ended(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole, *SMALL, *WITH_RANDOMNESS, "trainer.max_epochs=4")
    run(parts, *SMALL, *WITH_RANDOMNESS, "trainer.max_epochs=2")
    result = run(parts, *SMALL, *WITH_RANDOMNESS, "trainer.max_epochs=4", "ckpt_path=last")
    assert same_weights(whole, parts)
    assert timeless(result).keys() == timeless(read_json(whole / "result.json")).keys()
    for key, value in read_json(whole / "result.json").items():
        if key.startswith("metrics.") or key in ("epochs", "best_epoch"):
            assert result[key] == value, key
    with (parts / "metrics.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2", "3"]


def test_an_epoch_in_the_checkpoint_is_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole, *SMALL, "trainer.max_epochs=3")
    save = Checkpoint.on_train_epoch_end

    def save_and_die(self: Checkpoint, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        save(self, trainer, module)
        if self.monitor is None and trainer.current_epoch == 1:
            raise RunError("died")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_train_epoch_end", save_and_die)
        with pytest.raises(RunError, match="died"):
            run(parts, *SMALL, "trainer.max_epochs=3")
    run(parts, *SMALL, "trainer.max_epochs=3", "ckpt_path=last")
    assert table(parts) == table(whole)


INTERRUPTED = (*SMALL, *WITH_RANDOMNESS, "scheduler=cosine", "trainer.max_epochs=6", HOLD)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("undisturbed")
    ended = command(*INTERRUPTED, f"hydra.run.dir={directory}")
    assert ended.returncode == 0, ended.stderr
    return directory


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.seconds(8)
def test_an_interrupted_run_goes_on_to_the_same_end(
    undisturbed: Path, tmp_path: Path, signum: signal.Signals
) -> None:
    parts, held = tmp_path / "parts", tmp_path / "held"
    process = started(*INTERRUPTED, f"hydra.run.dir={parts}", SNN_TEST_HOLD=str(held))
    await_file(held, process)
    process.send_signal(signum)
    process.communicate(timeout=120)
    assert not (parts / "result.json").exists()
    if signum == signal.SIGTERM:
        assert process.returncode == 128 + signal.SIGTERM
        assert read_json(parts / "status.json")["state"] == "failed"
        assert "SIGTERM" in read_json(parts / "status.json")["error"]["message"]
    else:
        assert process.returncode == -signal.SIGKILL

    assert "already holds a run" in command(*INTERRUPTED, f"hydra.run.dir={parts}").stderr
    resumed = command(*INTERRUPTED, f"hydra.run.dir={parts}", "ckpt_path=last")
    assert resumed.returncode == 0, resumed.stderr
    assert same_weights(undisturbed, parts)
    a, b = read_json(undisturbed / "result.json"), read_json(parts / "result.json")
    assert a["epochs"] == b["epochs"] == 6
    metrics = [key for key in a if key.startswith("metrics.")]
    assert {k: a[k] for k in metrics} == {k: b[k] for k in metrics}


def test_an_early_stopped_run_stays_stopped(tmp_path: Path) -> None:
    task = [*SMALL, "callbacks=early_stopping", "callbacks.early_stopping.patience=1"]
    task += ["optimizer.lr=1e-9", "trainer.max_epochs=9"]
    first = run(tmp_path, *task)
    before = weights(tmp_path)
    again = run(tmp_path, *task, "ckpt_path=last")
    assert 2 <= first["epochs"] == again["epochs"] < 9
    assert all(torch.equal(value, before[name]) for name, value in weights(tmp_path).items())
    assert timeless(again).keys() == timeless(first).keys()


def test_what_may_not_stop_yet_goes_on(tmp_path: Path) -> None:
    task = [*SMALL, "callbacks=early_stopping", "callbacks.early_stopping.patience=1"]
    task += ["optimizer.lr=1e-9", "+trainer.min_epochs=5"]
    assert run(tmp_path / "whole", *task, "trainer.max_epochs=9")["epochs"] == 5
    assert run(tmp_path / "parts", *task, "trainer.max_epochs=3")["epochs"] == 3
    again = run(tmp_path / "parts", *task, "trainer.max_epochs=9", "ckpt_path=last")
    assert again["epochs"] == 5
    assert same_weights(tmp_path / "whole", tmp_path / "parts")


def test_a_moved_run_remembers_its_best_epoch(tmp_path: Path) -> None:
    # The loss falls, so the first epoch stays the one with the largest.
    task = [*SMALL, "callbacks.best.monitor=val/loss", "callbacks.best.mode=max"]
    assert run(tmp_path / "here", *task, "trainer.max_epochs=2")["best_epoch"] == 1
    shutil.move(tmp_path / "here", tmp_path / "there")
    moved = run(tmp_path / "there", *task, "trainer.max_epochs=4", "ckpt_path=last")
    assert moved["best_epoch"] == 1


def test_an_epoch_that_is_not_validated_is_not_the_best(tmp_path: Path) -> None:
    task = [*SMALL, "+trainer.check_val_every_n_epoch=2", "trainer.max_epochs=5"]
    result = run(tmp_path, *task)
    assert result["best_epoch"] in (2, 4)
    validated = [row["epoch"] for row in table(tmp_path) if row["val/accuracy"]]
    assert validated == ["1", "3"]


def test_going_on_with_another_configuration_is_refused(finished: Path) -> None:
    with pytest.raises(RunError, match=r"seed: 1 -> 2"):
        run(finished, *SMALL, "seed=2", "ckpt_path=last")
    assert read_json(finished / "status.json")["state"] == "completed"


@pytest.mark.seconds(4)
def test_a_refused_command_leaves_a_finished_run_alone(tmp_path: Path) -> None:
    first = command(*SMALL, "trainer.max_epochs=1", f"hydra.run.dir={tmp_path}")
    assert first.returncode == 0, first.stderr
    before = {f: f.read_bytes() for f in sorted(tmp_path.rglob("*")) if f.is_file()}
    refused = command(*SMALL, "trainer.max_epochs=2", f"hydra.run.dir={tmp_path}")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert {f: f.read_bytes() for f in sorted(tmp_path.rglob("*")) if f.is_file()} == before


def test_going_on_with_a_finished_run_changes_nothing(finished: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(finished, tmp_path / "copy")
    before = read_json(copy / "result.json")
    run(copy, *SMALL, "ckpt_path=last")
    again = read_json(copy / "result.json")
    command_line = {"overrides": None, "config": None}
    assert timeless(again) | command_line == timeless(before) | command_line
    assert again["samples_per_second"] == before["samples_per_second"]
