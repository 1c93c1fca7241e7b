"""What a network answered, sample by sample, from one pass over a part of the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from snn.data.samples import Split
from snn.events import EventBatch, EventStore
from snn.network import SpikingNetwork
from snn.network.synops import synaptic_operations
from snn.neurons import decision_step, logits, running_logits


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Answers and activity, one row per sample.

    Attributes:
        labels: true classes, int64 ``[sample]``.
        probabilities: softmax of the logits, float64 ``[sample, class]``.
        input_spikes: that reach the first hidden layer, ``[sample]``; None where nobody knows them.
        hidden_spikes: of each hidden layer, ``[sample, layer]``.
        answers: what would have been answered after each step, int16 ``[sample, step + 1]``; None
            of a network whose readout is not a trace.
        decided: the earliest step from which the answer stays, ``[sample]``; None likewise.
        operations: synaptic operations, ``[sample]``; None where nobody knows the synapses.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    input_spikes: np.ndarray | None
    hidden_spikes: np.ndarray
    answers: np.ndarray | None
    decided: np.ndarray | None
    operations: np.ndarray | None

    @property
    def predicted(self) -> np.ndarray:
        return self.probabilities.argmax(1)

    @property
    def right(self) -> np.ndarray:
        return self.predicted == self.labels


def batches(split: Split, size: int) -> Iterator[tuple[EventBatch | Tensor, Tensor]]:
    """The samples of a split in order, with their labels."""
    for index in torch.arange(len(split)).split(size):
        yield split[index]


@torch.no_grad()
def observe(network: torch.nn.Module, split: Split, size: int = 256) -> Outcomes:
    """Let a network answer all samples of a split.

    Args:
        network: in evaluation mode; the samples go to its device.
        split: at least one sample.
        size: samples at a time.
    """
    known = type(network) is SpikingNetwork
    parameter = next(network.parameters())
    rows: dict[str, list[Tensor]] = {}
    for x, labels in batches(split, size):
        x = x.to(parameter.device)
        x = x.to(parameter.dtype) if isinstance(x, Tensor) else x
        if known:
            output, counts = network.readout_trace(x)
            running = running_logits(output, network.logit_rule)
            found = {
                "logits": logits(output, network.logit_rule),
                "answers": running.argmax(2).short(),
                "decided": decision_step(running),
                "arriving": arriving_spikes(network, x),
            }
        else:
            output = network(x)
            found, counts = {"logits": output.logits}, output.spike_counts
        hidden = labels.new_zeros(len(labels), 0)  # of a network without spikes
        if counts:
            hidden = torch.stack([c.sum(1) for c in counts], 1)
        found |= {"labels": labels, "hidden": hidden}
        for name, value in found.items():
            rows.setdefault(name, []).append(value.cpu())
    whole = {name: torch.cat(values) for name, values in rows.items()}
    arrays = {name: value.numpy() for name, value in whole.items()}
    hidden = arrays["hidden"].astype(np.float64)
    operations = None
    if known:
        # Linear in the numbers of spikes, so it takes arrays as well as numbers.
        operations = synaptic_operations(network, arrays["arriving"], list(hidden.T))
    return Outcomes(
        labels=arrays["labels"],
        probabilities=whole["logits"].double().softmax(1).numpy(),
        input_spikes=arrays.get("arriving"),
        hidden_spikes=hidden,
        answers=arrays.get("answers"),
        decided=arrays.get("decided"),
        operations=operations,
    )


def arriving_spikes(network: SpikingNetwork, x: EventBatch | Tensor) -> Tensor:
    """Spikes of each sample that reach the first hidden layer, float64 ``[sample]``."""
    if isinstance(x, EventBatch):
        return x.store.counts()[x.index].double()
    if network.encoder is not None:
        x, _, _ = network.encoder(x)
    return x.sum((1, 2)).double()


@torch.no_grad()
def as_events(network: SpikingNetwork, split: Split, size: int = 64) -> Split:
    """The split as the first hidden layer sees it: of analog signals, the encoder's spikes."""
    if not isinstance(split.inputs, Tensor):
        return split
    if network.encoder is None:
        raise ValueError("an analog signal needs an encoder")
    weight, stores = network.readout.weight, []
    for x, _ in batches(split, size):
        spikes, _, _ = network.encoder(x.to(weight.device, weight.dtype))
        sample, step, unit = (ids.cpu().numpy() for ids in spikes.nonzero(as_tuple=True))
        stores.append(
            EventStore.from_events(
                sample,
                step,
                unit,
                nb_samples=len(spikes),
                nb_steps=spikes.shape[1],
                nb_units=spikes.shape[2],
            )
        )
    return Split.whole(EventStore.concatenate(stores), split.labels)


def without_encoder(network: SpikingNetwork) -> SpikingNetwork:
    """The same layers, fed with the encoder's spikes."""
    if network.encoder is None:
        return network
    bare = SpikingNetwork(
        list(network.hidden), network.readout, None, network.logit_rule, network.backend
    )
    return bare.eval()
