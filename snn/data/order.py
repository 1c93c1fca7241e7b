"""In which order samples are shown."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from snn.data.splits import seeded_generator


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
