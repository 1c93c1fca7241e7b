"""Accuracy where the input is disturbed: spikes that get lost, spikes that come early or late."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from snn.data.augment import Augmentation, EventDropout, TimeJitter
from snn.data.augmented import Augmented
from snn.data.order import BatchOrder
from snn.data.samples import Split
from snn.evaluation.measures import share
from snn.evaluation.outcomes import as_events, without_encoder
from snn.network import SpikingNetwork

DROPPED = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the input's spikes that are lost."""
JITTERS = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0)
"""Standard deviations, in steps, of what each spike is moved by; what leaves the sample is lost."""

KINDS: dict[str, tuple[Sequence[float], Callable[[float], Augmentation]]] = {
    "dropped_spikes": (DROPPED, EventDropout),
    "time_jitter": (JITTERS, TimeJitter),
}


def robustness(
    network: SpikingNetwork, split: Split, seed: int, size: int = 256
) -> dict[str, list[dict[str, Any]]]:
    """Accuracy for each strength of each disturbance.

    Of analog signals the encoder's spikes are disturbed, which are what the hidden layers see.

    Args:
        network: in evaluation mode.
        split: the samples.
        seed: of all chance; the same seed disturbs the same spikes.
        size: samples at a time.

    Returns:
        For each kind a list of ``strength``, ``value``, ``interval``, ``correct``, ``samples``.
    """
    split, network = as_events(network, split), without_encoder(network)
    return {
        kind: [
            {"strength": strength, **share(_right(network, split, make(strength), seed, size))}
            for strength in strengths
        ]
        for kind, (strengths, make) in KINDS.items()
    }


@torch.no_grad()
def _right(
    network: SpikingNetwork, split: Split, change: Augmentation, seed: int, size: int
) -> np.ndarray:
    order = BatchOrder(len(split), size)
    disturbed = Augmented(split, (change,), order, seed)
    device = next(network.parameters()).device
    right = []
    for index in order:
        x, labels = disturbed[index]
        right.append(network(x.to(device)).logits.argmax(1).cpu() == labels)
    return torch.cat(right).numpy()
