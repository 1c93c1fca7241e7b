"""A data set in the memory of the device that trains on it.

Batches are then index lists of that memory: nothing is copied between host and device while an
epoch runs, and no kernel has to wait for the host.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler

from snn.data.samples import Split
from snn.events import EventStore

log = logging.getLogger(__name__)

SHARE = 0.5
"""Of the device's free memory that a data set may take; a larger one stays on the host."""


class OnDevice(Sampler[Tensor]):
    """The batches of another sampler, on a device to which an epoch's order goes as one tensor.

    Args:
        order: yields int64 indices of a batch.
        device: where they go.
    """

    def __init__(self, order: Sampler[Tensor], device: torch.device) -> None:
        self.order, self.device = order, device

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        if hasattr(self.order, "set_epoch"):
            self.order.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Tensor]:
        batches = list(self.order)
        if batches:
            indices = torch.cat(batches).to(self.device)
            yield from indices.split([len(batch) for batch in batches])


class Residence:
    """Keeps what was moved to a device, so that the splits of a data set share it."""

    def __init__(self) -> None:
        # By identity; the first of each pair keeps its identity from being given away.
        self._moved: dict[int, tuple[EventStore | Tensor, EventStore | Tensor]] = {}

    def move(
        self, split: Split, order: Sampler[Tensor], device: torch.device
    ) -> tuple[Split, Sampler[Tensor]]:
        """The split and the order of its batches on ``device``; as they are if it has no room."""
        _, inputs = self._moved.get(id(split.inputs), (None, None))
        if inputs is None or _parts(inputs)[0].device != device:
            if not _fits(split.inputs, device):
                return split, order
            inputs = split.inputs.to(device)
            self._moved[id(split.inputs)] = split.inputs, inputs
        labels, index = split.labels.to(device), split.index.to(device)
        return replace(split, inputs=inputs, labels=labels, index=index), OnDevice(order, device)


def training_device(trainer: Any) -> torch.device:
    """The device that a trainer computes on; the CPU if there is no trainer."""
    return torch.device("cpu") if trainer is None else trainer.strategy.root_device


def _parts(inputs: EventStore | Tensor) -> tuple[Tensor, ...]:
    return (inputs,) if isinstance(inputs, Tensor) else (inputs.units, inputs.indptr)


def _fits(inputs: EventStore | Tensor, device: torch.device) -> bool:
    if device.type != "cuda":
        return True
    need = sum(part.numel() * part.element_size() for part in _parts(inputs))
    free, _ = torch.cuda.mem_get_info(device)
    fits = need <= SHARE * free
    there = f"to {device}" if fits else "not: it stays on the host, and batches are copied"
    log.info("data of %.0f MiB, %.0f MiB free: %s", need / 2**20, free / 2**20, there)
    return fits
