"""Energy of a run: over its training, and of one inference."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

import torch
from torch import nn

from snn.data.base import SpikeDataModule
from snn.energy import Meter
from snn.network.evaluating import evaluating

MOST_BATCHES = 8  # that take turns in the window of inference


def gpus_of(device: torch.device) -> list[str]:
    """UUIDs, as NVML has them, of the GPUs that a device stands for; none for the CPU."""
    if device.type != "cuda":
        return []
    return [f"GPU-{torch.cuda.get_device_properties(device).uuid}"]


def done(device: torch.device) -> None:
    """Wait until a device has done what it was given, so that its energy is counted."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@torch.no_grad()
def inference_energy(
    network: nn.Module, device: torch.device, data: SpikeDataModule, meter: Meter
) -> dict[str, Any]:
    """Energy of one inference, from a window of so many that the counters resolve it.

    The samples are of the validation part, else of the training part, in batches of the run's
    size; they lie on the device already, so that loading them is not counted.

    Args:
        network: measured in evaluation mode.
        device: where it is.
        data: set up.
        meter: whose counters are read; without one that can be read nothing is done.

    Returns:
        The entries ``energy.inference.*`` of the run's result.
    """
    split = "train" if data.val is None else "val"
    with meter.opened(gpus_of(device)):
        window = None
        if meter.in_use:
            loader = data.eval_dataloaders()[split]
            batches = [x.to(device) for x, _ in islice(loader, MOST_BATCHES)]
            with evaluating(network):
                window = meter.repeated(_work(network, device, batches))
    if window is None or window.joules is None:
        # Its length stays on record: the counters resolved nothing in so much time.
        seconds = None if window is None else window.seconds
        return _entries(None, seconds, None if window is None else window.units, None, None)
    each = window.joules / window.units
    return _entries(each, window.seconds, window.units, split, data.batch_size)


def _entries(
    joules: float | None,
    seconds: float | None,
    samples: int | None,
    split: str | None,
    batch_size: int | None,
) -> dict[str, Any]:
    prefix = "energy.inference."
    return {
        f"{prefix}joules_per_sample": joules,
        f"{prefix}seconds": seconds,
        f"{prefix}samples": samples,
        f"{prefix}split": split,
        f"{prefix}batch_size": batch_size,
    }


def _work(network: nn.Module, device: torch.device, batches: list[Any]) -> Callable[[], int]:
    turn = cycle(batches)

    def one_batch() -> int:
        x = next(turn)
        network(x)
        done(device)
        return len(x)

    return one_batch
