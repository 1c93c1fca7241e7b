"""Whether the compiled kernels can run a network here."""

from __future__ import annotations

import torch
from torch import Tensor

from snn.events import EventBatch, EventStore
from snn.kernels.cpu import library


def obstacle(
    x: Tensor | EventBatch | EventStore, dtype: torch.dtype, device: torch.device
) -> str | None:
    """Why the kernels cannot run a network of this dtype and device on ``x``; None if they can."""
    kernels = library.load()
    if not isinstance(kernels, library.Library):
        return kernels
    if dtype not in (torch.float32, torch.float64):
        return f"the CPU kernels compute in float32 and float64, not in {dtype}"
    source = x if isinstance(x, Tensor) else getattr(x, "store", x).units
    if device.type != "cpu" or source.device.type != "cpu":
        return "network and input are not both on the CPU"
    return None


def description() -> str:
    """Which kernels run, for the log."""
    return f"compiled kernels, {library.loaded().name}"
