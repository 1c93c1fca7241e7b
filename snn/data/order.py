"""In which order samples are shown, and as what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from snn.augment import Augmentation, augmented
from snn.data.splits import seeded_generator

if TYPE_CHECKING:
    from snn.data.base import Batch, Split


class BatchOrder(Sampler[Tensor]):
    """Batches of indices: ascending, or shuffled anew in each epoch.

    The order depends on the seed and the epoch alone, so a run that is resumed at an epoch sees
    what an undisturbed one sees.
    """

    def __init__(self, nb_samples: int, batch_size: int, shuffle_seed: int | None = None) -> None:
        self.nb_samples, self.batch_size = nb_samples, batch_size
        self.shuffle_seed, self.epoch = shuffle_seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.nb_samples // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        # A generator, so that the order is drawn with the first batch: a resumed Lightning run
        # makes its first iterator before it tells the epoch.
        if self.shuffle_seed is None:
            order = torch.arange(self.nb_samples)
        else:
            generator = seeded_generator(self.shuffle_seed, self.epoch)
            order = torch.randperm(self.nb_samples, generator=generator)
        if self.nb_samples:
            yield from order.split(self.batch_size)


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
