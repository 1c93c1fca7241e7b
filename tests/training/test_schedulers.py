"""Learning rates epoch by epoch."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
import torch

from snn.errors import ConfigError
from snn.runs import RunDirectory
from snn.training.schedulers import plateau, warmup_cosine
from tests.commands import SMALL, run, same_weights


def schedule(**options):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    return optimizer, warmup_cosine(optimizer, **options)


def rates(optimizer, scheduler, epochs: int) -> list[float]:
    found = []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_a_rise_and_then_a_cosine() -> None:
    optimizer, scheduler = schedule(warmup_epochs=4, max_epochs=12, start_factor=0.2, eta_min=0.01)
    rise = [0.1 * (0.2 + 0.8 * i / 4) for i in range(4)]
    fall = [0.01 + 0.09 * (1 + math.cos(math.pi * i / 8)) / 2 for i in range(8)]
    assert rates(optimizer, scheduler, 12) == pytest.approx(rise + fall)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


def test_it_goes_on_from_a_checkpoint() -> None:
    optimizer, scheduler = schedule(max_epochs=10)
    undisturbed = rates(optimizer, scheduler, 10)
    for stop in (2, 3, 7):
        optimizer, scheduler = schedule(max_epochs=10)
        rates(optimizer, scheduler, stop)
        file = io.BytesIO()
        torch.save([optimizer.state_dict(), scheduler.state_dict()], file)
        file.seek(0)
        states = torch.load(file, weights_only=True)  # as a run reads its checkpoints
        optimizer, scheduler = schedule(max_epochs=10)
        for part, state in zip((optimizer, scheduler), states, strict=True):
            part.load_state_dict(state)
        assert rates(optimizer, scheduler, 10 - stop) == pytest.approx(undisturbed[stop:])


def test_no_epoch_left_for_the_cosine() -> None:
    with pytest.raises(ConfigError, match=r"scheduler\.warmup_epochs=5: must be below the 5"):
        schedule(warmup_epochs=5, max_epochs=5)


def lowered(values: list[float], **options) -> list[float]:
    """The rate after each of these values."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = plateau(optimizer, factor=0.5, patience=1, **options)
    rates = []
    for value in values:
        scheduler.step(value)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def test_a_plateau_of_a_loss_and_of_an_accuracy() -> None:
    assert lowered([3.0, 2.0, 2.5, 2.5, 1.0]) == [1, 1, 1, 0.5, 0.5]
    assert lowered([0.2, 0.3, 0.1, 0.3, 0.4], monitor="accuracy") == [1, 1, 1, 0.5, 0.5]
    # an improvement of an accuracy is a difference, not a share of it
    rise = [0.5, 0.504, 0.508, 0.512]
    assert lowered(rise, monitor="accuracy", threshold=0.006) == [1, 1, 1, 1]
    assert lowered(rise, monitor="accuracy", threshold=0.02)[-1] == 0.5
    assert lowered([1.0] * 9, min_lr=0.3)[-1] == 0.3


STUCK = (
    *(override for override in SMALL if not override.startswith("optimizer.")),
    *("optimizer=rmsprop", "optimizer.lr=1e-9", "scheduler=plateau", "scheduler.patience=0"),
    *("scheduler.monitor=accuracy", "logger=csv", "callbacks.confusion=null", "test=false"),
)


def last_rate(directory: Path) -> float:
    """The rate that the next epoch would have."""
    checkpoint = RunDirectory.load_checkpoint(RunDirectory(directory).last)
    return checkpoint["optimizer_states"][0]["param_groups"][0]["lr"]


def test_a_run_on_a_plateau_lowers_its_rate_and_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole, *STUCK, "trainer.max_epochs=3")
    run(parts, *STUCK, "trainer.max_epochs=2")
    assert last_rate(parts) == pytest.approx(5e-10)
    run(parts, *STUCK, "trainer.max_epochs=3", "ckpt_path=last")
    assert last_rate(parts) == last_rate(whole) == pytest.approx(2.5e-10)
    assert same_weights(parts, whole)


def test_an_epoch_without_validation_is_no_part_of_a_plateau(tmp_path: Path) -> None:
    run(tmp_path, *STUCK, "trainer.max_epochs=3", "+trainer.check_val_every_n_epoch=2")
    assert last_rate(tmp_path) == pytest.approx(1e-9)
