"""Learning-rate schedules that PyTorch has only in parts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR

from snn.errors import ConfigError


def warmup_cosine(
    optimizer: Optimizer,
    *,
    warmup_epochs: Annotated[int, Field(gt=0)] = 3,
    max_epochs: Annotated[int, Field(gt=0)] = 30,
    start_factor: Annotated[float, Field(gt=0, le=1)] = 0.1,
    eta_min: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0,
) -> LRScheduler:
    """A linear rise to the optimizer's rate, then a cosine down to ``eta_min``, epoch by epoch.

    Args:
        optimizer: whose rates follow the schedule.
        warmup_epochs: epochs of the rise.
        max_epochs: of rise and fall together.
        start_factor: share of the rate that the first epoch has.
        eta_min: the rate after the last epoch.

    Raises:
        ConfigError: no epoch is left for the cosine.
    """
    if warmup_epochs >= max_epochs:
        allowed = f"below the {max_epochs} epochs of the whole"
        raise ConfigError("scheduler.warmup_epochs", warmup_epochs, allowed)
    rise = LinearLR(optimizer, start_factor, total_iters=warmup_epochs)
    fall = CosineAnnealingLR(optimizer, max_epochs - warmup_epochs, eta_min)
    return SequentialLR(optimizer, [rise, fall], [warmup_epochs])
