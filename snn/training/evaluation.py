"""Metrics of a trained network on every split."""

from __future__ import annotations

from collections.abc import Iterator

import pytorch_lightning as pl
import torch
from torch import Tensor

from snn.data.base import SpikeDataModule
from snn.events import EventBatch
from snn.network import SpikingNetwork, complexity
from snn.network.recurrent import RecurrentNetwork
from snn.network.synops import synaptic_operations
from snn.training.module import SpikingClassifier

Metrics = dict[str, float]

# Enough for a mean, and a second at most: the reference runs on them, on so many numbers at once.
NEUROBENCH_SAMPLES = 256
NEUROBENCH_NUMBERS = 2**23


def measure(trainer: pl.Trainer, module: SpikingClassifier, datamodule: SpikeDataModule) -> Metrics:
    """``{"<split>/<metric>": value}`` of the weights that the network has now."""
    loaders = datamodule.eval_dataloaders()
    splits = datamodule.test_splits
    module.tested_splits = splits
    try:
        trainer.test(module, dataloaders=[loaders[split] for split in splits], verbose=False)
    finally:
        module.tested_splits = ("test",)  # as data modules hand it out
    metrics, network = dict(module.results), module.network
    kind = type(network)  # of another model, nobody knows the synapses
    for split in splits if kind is SpikingNetwork else ():
        arriving = input_spikes(network, datamodule, split)
        layers = range(len(network.hidden))
        hidden = [metrics[f"{split}/hidden{i}/spikes_per_sample"] for i in layers]
        metrics[f"{split}/synops_per_sample"] = synaptic_operations(network, arriving, hidden)
    for split in costed(splits) if kind in (SpikingNetwork, RecurrentNetwork) else ():
        costs = complexity.neurobench(network, _spread_samples(datamodule, split, module.device))
        metrics |= {f"{split}/neurobench/{name}": value for name, value in costs.items()}
    return metrics


def costed(splits: tuple[str, ...]) -> tuple[str, ...]:
    """The splits on which NeuroBench's metrics are taken: the test parts, else the last."""
    return tuple(split for split in splits if split.startswith("test")) or splits[-1:]


@torch.no_grad()
def input_spikes(network: SpikingNetwork, data: SpikeDataModule, split: str) -> float:
    """Spikes per sample of a split that reach the first hidden layer: events, or the encoder's."""
    samples = data.split(split)
    counts = samples.counts()
    if counts is None:
        counts = torch.cat([_encoded(network, x) for x, _ in data.eval_dataloaders()[split]])
    return counts.double().mean().item()


def _spread_samples(
    data: SpikeDataModule, split: str, device: torch.device
) -> Iterator[Tensor | EventBatch]:
    """Samples spread evenly over a split, in batches that may be dense."""
    samples = data.split(split)
    count = min(NEUROBENCH_SAMPLES, len(samples))
    numbers = NEUROBENCH_NUMBERS // (data.nb_steps * data.nb_units * complexity.SAMPLES)
    batch = complexity.SAMPLES * max(1, numbers)
    for index in (torch.arange(count) * len(samples) // count).split(batch):
        yield samples[index][0].to(device)


def _encoded(network: SpikingNetwork, x: Tensor) -> Tensor:
    """Spikes of the encoder, ``[batch]``."""
    weight = network.readout.weight
    spikes, _, _ = network.encoder(x.to(weight.device, weight.dtype))
    return spikes.sum((1, 2)).cpu()
