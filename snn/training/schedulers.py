"""Learning-rate schedules that PyTorch has only in parts, or that watch a metric."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    ReduceLROnPlateau,
    SequentialLR,
)

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


class Plateau(ReduceLROnPlateau):
    """PyTorch's, which knows what it watches: ``loss`` or ``accuracy``."""

    monitor: str = "loss"


def plateau(
    optimizer: Optimizer,
    *,
    monitor: Literal["loss", "accuracy"] = "loss",
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5,
    patience: Annotated[int, Field(ge=0)] = 5,
    threshold: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-4,
    cooldown: Annotated[int, Field(ge=0)] = 0,
    min_lr: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0,
) -> Plateau:
    """Lowers the rate when a metric of the validation part has not improved for a while.

    Without a validation part it is that of the training part.

    Args:
        optimizer: whose rates are lowered.
        monitor: which metric.
        factor: what the rate is multiplied by.
        patience: epochs without an improvement that are let pass.
        threshold: a smaller improvement is none; a share of a loss, a difference of accuracies.
        cooldown: epochs after a lowering in which none are counted.
        min_lr: the rate is never below it.
    """
    mode, kind = ("min", "rel") if monitor == "loss" else ("max", "abs")
    made = Plateau(
        optimizer,
        mode=mode,
        factor=factor,
        patience=patience,
        threshold=threshold,
        threshold_mode=kind,
        cooldown=cooldown,
        min_lr=min_lr,
        eps=0.0,
    )
    made.monitor = monitor
    return made
