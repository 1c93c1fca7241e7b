"""Who trains, who validates: splits that depend on labels or speakers and on one seed.

All functions return int64 indices in ascending order.
"""

import numpy as np
import torch
from torch import Tensor

from snn.errors import ConfigError

_MAX_ENUMERATED_SPEAKERS = 16


def seeded_generator(*seeds: int) -> torch.Generator:
    """A generator whose stream depends on all of the numbers, and on their order."""
    state = np.random.SeedSequence(seeds).generate_state(2)
    return torch.Generator().manual_seed(int(state[0]) << 31 ^ int(state[1]))


def stratified_pick(labels: Tensor, nb_picked: int, seed: int) -> Tensor:
    """Picks ``nb_picked`` samples so that each class keeps its share to within one sample."""
    generator = seeded_generator(seed)
    nb_samples = labels.numel()
    nb_picked = min(nb_picked, nb_samples)
    shuffled = torch.randperm(nb_samples, generator=generator)
    by_class = shuffled[labels[shuffled].sort(stable=True).indices]
    per_class = torch.bincount(labels)
    share = per_class.double() * nb_picked / max(nb_samples, 1)
    quota = share.floor().long()
    # Largest remainders get what rounding left over; among equal ones chance decides.
    tie = torch.rand(len(quota), generator=generator, dtype=torch.float64) * 1e-9
    rest = (share - quota + tie).argsort(descending=True)[: nb_picked - int(quota.sum())]
    quota[rest] += 1
    start = per_class.cumsum(0) - per_class
    rank = torch.arange(nb_samples) - start.repeat_interleave(per_class)
    picked = by_class[rank < quota.repeat_interleave(per_class)]
    return picked.sort().values


def complement(index: Tensor, nb_samples: int) -> Tensor:
    """The samples of ``0 .. nb_samples - 1`` that are not in ``index``."""
    rest = torch.ones(nb_samples, dtype=torch.bool)
    rest[index] = False
    return rest.nonzero()[:, 0]


def stratified_split(
    labels: Tensor, fraction: float, seed: int, key: str = "data.val_fraction"
) -> tuple[Tensor, Tensor]:
    """Splits off ``fraction`` of the samples, class by class.

    Returns:
        (rest, split off); the second is empty only for ``fraction = 0``.

    Raises:
        ConfigError: one of the two would be left without a sample.
    """
    nb_samples = labels.numel()
    if fraction == 0:
        return torch.arange(nb_samples), torch.empty(0, dtype=torch.int64)
    nb_picked = round(fraction * nb_samples)
    if not 0 < nb_picked < nb_samples:
        raise ConfigError(
            key, fraction, f"0, or a share of {nb_samples} samples that leaves some on both sides"
        )
    picked = stratified_pick(labels, nb_picked, seed)
    return complement(picked, nb_samples), picked


def choose_speakers(speakers: Tensor, labels: Tensor, fraction: float, seed: int) -> list[int]:
    """The speakers whose samples together come closest to ``fraction`` of all.

    Never all speakers, and if it can be helped no class is left without a training sample. Among
    equally good choices the seed decides.

    Raises:
        ConfigError: there are fewer than two speakers.
    """
    ids, inverse = speakers.unique(return_inverse=True)
    if len(ids) < 2:
        raise ConfigError("data.split", "speaker", "'stratified': there is only one speaker")
    table = torch.zeros(len(ids), int(labels.max()) + 1, dtype=torch.int64)
    table.index_put_((inverse, labels), torch.ones_like(labels), accumulate=True)
    order = torch.randperm(len(ids), generator=seeded_generator(seed))
    table = table[order].numpy()
    if len(ids) <= _MAX_ENUMERATED_SPEAKERS:
        codes = np.arange(1, 2 ** len(ids) - 1)
        member = (codes[:, None] >> np.arange(len(ids))) & 1  # [choice, speaker]
    else:
        member = np.tri(len(ids) - 1, len(ids), dtype=np.int64)  # the first 1, 2, ... of the order
    missed = np.abs((member @ table).sum(1) - fraction * table.sum())
    lost = ((((1 - member) @ table) == 0) & (table.sum(0) > 0)).sum(1)
    best = np.lexsort((missed, lost))[0]
    return sorted(int(ids[order[i]]) for i in np.flatnonzero(member[best]))
