r"""What a network costs, by the definitions of NeuroBench.

NeuroBench (Yik et al. 2025, Nat. Commun. 16:1545; package ``neurobench`` 2.3.0) counts:

``footprint``
    bytes of all parameters and buffers.
``connection_sparsity``
    share of weights that are exactly 0, as those of neurons to themselves with
    ``self_recurrence=False`` are.
``activation_sparsity``
    share of neurons and steps without a spike, of the hidden layers.
``dense_synops``
    operations per sample if each weight were used in each step.
``effective_macs``, ``effective_acs``
    operations per sample where neither weight nor input is 0: multiply-accumulates of inputs that
    are any numbers (spike counts above 1), accumulates of inputs that are 0 or 1. A layer's
    input of one step and 32 samples, or a batch of fewer, is of one kind or the other.
``membrane_updates``
    per sample, how often the potential of a hidden neuron changed from one step to the next; the
    first step counts as a change. Of declared neurons, the first state is taken for the potential.

Unlike ``synops_per_sample`` (:mod:`snn.network.synops`), operations are counted when a step uses a
spike, so the recurrent weights have no part in the spikes of the last step. An encoder's own
arithmetic and the readout's potential are outside of NeuroBench's definitions.

Of a network without spikes (:mod:`snn.network.recurrent`) the same is counted, less membranes:
``activation_sparsity`` is the share of states that are exactly 0, products with states are MACs.
Not counted, as the decays of spiking neurons are not: activation functions, biases, and the three
products of a GRU's gates with its states per unit and step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from snn.errors import InputError
from snn.events import EventBatch, EventStore
from snn.network.evaluating import evaluating
from snn.network.hidden import HiddenLayer
from snn.network.neuron_layer import NeuronLayer
from snn.network.recurrent import RecurrentNetwork
from snn.network.spiking import SpikingNetwork
from snn.network.trace import Trace

SAMPLES = 32  # whose input of a step is of one kind


class _Counts(NamedTuple):
    """Sums over all samples."""

    samples: int
    positions: int  # neurons times steps
    active: float  # of those
    dense: int
    macs: float
    acs: float
    updates: int


@torch.no_grad()
def neurobench(
    network: SpikingNetwork | RecurrentNetwork, batches: Iterable[Tensor | EventBatch | EventStore]
) -> dict[str, float]:
    """NeuroBench's metrics of a network on some samples.

    Args:
        network: it is measured as in evaluation mode, without dropout.
        batches: as the network takes them; at least one sample in all. Each is traced in the
            reference, so give batches that fit into memory when they are dense.

    Raises:
        InputError: there is no sample.
    """
    spiking = isinstance(network, SpikingNetwork)
    count = _count_spiking if spiking else _count_recurrent
    with evaluating(network):
        counts = [count(network, x) for x in batches]
    if not any(part.samples for part in counts):
        raise InputError("no samples: expected at least one, of which operations are counted")
    total = _Counts(*map(sum, zip(*counts, strict=True)))
    weights = [w for w, _ in _connections(network)] if spiking else network.weights()
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    stored = [*network.parameters(), *network.buffers()]
    found = {
        "footprint": sum(tensor.numel() * tensor.element_size() for tensor in stored),
        "connection_sparsity": zeros / sum(weight.numel() for weight in weights),
        "activation_sparsity": 1.0 - total.active / total.positions,
        "dense_synops": total.dense / total.samples,
        "effective_macs": total.macs / total.samples,
        "effective_acs": total.acs / total.samples,
    }
    return found | ({"membrane_updates": total.updates / total.samples} if spiking else {})


def _connections(network: SpikingNetwork) -> Iterator[tuple[Tensor, str]]:
    """All weight matrices ``[input, output]``, with what their input is."""
    for i, layer in enumerate(network.hidden):
        yield layer.weight, f"input {i}"
        if (recurrent := layer.recurrent_matrix()) is not None:
            yield recurrent, f"recurrent {i}"
    yield network.readout.weight, f"input {len(network.hidden)}"


def _count_spiking(network: SpikingNetwork, x: Tensor | EventBatch | EventStore) -> _Counts:
    trace = network.trace(x)
    arriving = dict(_arriving(network, trace))
    products = [(weight, arriving[source]) for weight, source in _connections(network)]
    return _Counts(
        len(trace.input),
        sum(spikes.numel() for spikes in trace.spikes),
        sum(spikes.sum(dtype=torch.float64).item() for spikes in trace.spikes),
        *_operations(products),
        sum(_updates(layer, trace, i) for i, layer in enumerate(network.hidden)),
    )


def _count_recurrent(network: RecurrentNetwork, x: Tensor | EventBatch | EventStore) -> _Counts:
    encoded = network.encoded(x)
    states = network.states(encoded)
    return _Counts(
        len(encoded),
        sum(state.numel() for state in states),
        sum((state != 0).sum().item() for state in states),
        *_operations(network.products(encoded, states)),
        0,
    )


def _operations(products: Iterable[tuple[Tensor, Tensor]]) -> tuple[int, float, float]:
    """Dense operations, MACs and ACs of weights ``[input, output]`` with their inputs ``[batch,
    step, input]``."""
    dense, macs, acs = 0, 0.0, 0.0
    for weight, inputs in products:
        dense += inputs.shape[0] * inputs.shape[1] * weight.numel()
        synapses = (weight != 0).sum(1).double()
        for some in inputs.split(SAMPLES):
            binary = ((some == 0) | (some == 1)).all(2).all(0)  # [step]
            operations = (some != 0).sum(0).double() @ synapses  # [step]
            acs += operations[binary].sum().item()
            macs += operations[~binary].sum().item()
    return dense, macs, acs


def _arriving(network: SpikingNetwork, trace: Trace) -> Iterator[tuple[str, Tensor]]:
    """What each weight matrix is multiplied with, ``[batch, step, input]``."""
    for i, x in enumerate((trace.input, *trace.spikes)):
        yield f"input {i}", x
    for i, (layer, spikes) in enumerate(zip(network.hidden, trace.spikes, strict=True)):
        if layer.recurrence == "previous":
            spikes = torch.cat([torch.zeros_like(spikes[:, :1]), spikes[:, :-1]], 1)
        yield f"recurrent {i}", spikes


def _updates(layer: HiddenLayer, trace: Trace, i: int) -> int:
    """How often the potential between two steps, after the reset, changed."""
    potential, spikes = trace.potentials[i], trace.spikes[i]
    if isinstance(layer, NeuronLayer):  # its first state is the membrane potential
        name = next(iter(layer.neuron.states))
        end = trace.state.hidden[i].states[name]
        after = torch.cat([trace.states[i][name][:, 1:], end[:, None]], 1)
    elif layer.dynamics.timing == "prompt":
        reset = layer.dynamics.reset == "zero"
        threshold = layer.dynamics.threshold
        after = potential * (1 - spikes) if reset else potential - threshold * spikes
    else:
        after = torch.cat([potential[:, 1:], trace.state.hidden[i].potential[:, None]], 1)
    return after[:, 0].numel() + int((after[:, 1:] != after[:, :-1]).sum())
