"""Training samples with their changes: a batch is changed when it is shown.

The data set itself is never copied or touched. What a change moves out of the sample's steps or
units is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from snn.data.augmentation import Augmentation, Size, kept
from snn.data.order import BatchOrder
from snn.data.samples import Batch, Split
from snn.events import EventBatch, EventStore
from snn.events.encoding import Events


def augmented(
    x: EventBatch | Tensor, augmentations: Sequence[Augmentation], rng: np.random.Generator
) -> EventBatch | Tensor:
    """A batch with all changes made, one after the other.

    Args:
        x: events, or analog signals ``[sample, step, channel]``, on the CPU.
        augmentations: each must work on this kind of input.
        rng: source of all chance.
    """
    if isinstance(x, Tensor):
        signals = x.numpy()
        for augmentation in augmentations:
            signals = augmentation.signals(signals, rng)
        return torch.from_numpy(signals)
    parts = x.index.split(_samples_at_once(x))
    stores = [_augmented_events(x.store.take(part), augmentations, rng) for part in parts]
    store = stores[0] if len(stores) == 1 else EventStore.concatenate(stores)
    return EventBatch(store, torch.arange(len(store)))


# Arrays of more events fall out of the cache, and each takes fresh pages from the system.
_EVENTS_AT_ONCE = 2**17


def _samples_at_once(x: EventBatch) -> int:
    indptr, index, steps = x.store.indptr.numpy(), x.index.numpy(), x.nb_steps
    events = int((indptr[(index + 1) * steps] - indptr[index * steps]).sum())
    return max(1, len(x) * _EVENTS_AT_ONCE // max(events, 1))


def _augmented_events(
    batch: EventStore, augmentations: Sequence[Augmentation], rng: np.random.Generator
) -> EventStore:
    size = Size(batch.nb_samples, batch.nb_steps, batch.nb_units)
    events = Events(*batch.coordinates())
    for augmentation in augmentations:
        changed = augmentation.events(events, size, rng)
        events = _inside(Events(*map(_wide, changed)), size)
    return EventStore.from_checked(*events, *size)


def _wide(ids: np.ndarray) -> np.ndarray:
    """Integers as int32 or int64; the same array if it is one."""
    if ids.dtype not in (np.int32, np.int64):
        if not np.issubdtype(ids.dtype, np.integer):
            raise TypeError(f"events of dtype {ids.dtype}: must be integers")
        ids = ids.astype(np.int64)
    return ids


def _below(ids: np.ndarray, limit: int) -> np.ndarray:
    """Where ids, int32 or int64, lie in ``0 .. limit - 1``."""
    # As unsigned numbers, negative ones are too large as well: one comparison for both ends.
    return ids.view(np.uint32 if ids.dtype == np.int32 else np.uint64) < limit


def _inside(events: Events, size: Size) -> Events:
    """Without what lies outside of the batch; int32 then, as the next augmentation expects."""
    inside = _below(events.step, size.steps)
    inside &= _below(events.unit, size.units)
    events = events if inside.all() else kept(events, inside)
    return Events(*(ids.astype(np.int32, copy=False) for ids in events))


@dataclass(frozen=True, eq=False)
class Augmented:
    """A split whose samples are changed whenever they are shown.

    The changes depend on the seed, the epoch and the batch alone, so that a run that is resumed
    at an epoch sees what an undisturbed one sees.

    Attributes:
        split: the samples as they are.
        augmentations: the changes, in this order.
        order: of the batches; tells the epoch.
        seed: of the changes.
    """

    split: Split
    augmentations: tuple[Augmentation, ...]
    order: BatchOrder
    seed: int

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: Tensor) -> Batch:
        """The batch of samples ``index``, changed, and its labels."""
        x, labels = self.split[index]
        # No other batch of the epoch begins with the same sample. The last number keeps this
        # stream apart from that of the order, which has the same seeds.
        seeds = (self.seed, self.order.epoch, int(index[0]), 1)
        return augmented(x, self.augmentations, np.random.default_rng(seeds)), labels
