"""Learning rates epoch by epoch."""

from __future__ import annotations

import io
import math

import pytest
import torch

from snn.errors import ConfigError
from snn.training.schedulers import warmup_cosine


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
