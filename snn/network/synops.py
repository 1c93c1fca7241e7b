"""Synaptic operations: how often a spike arrives at a synapse.

A neuromorphic chip does work (an addition) at each synapse that a spike reaches, and none
elsewhere; this count is what papers on such chips compare. Not counted: the decay of each neuron's
state in each step, and what an encoder of analog signals computes before it spikes.
"""

from __future__ import annotations

from collections.abc import Sequence

from snn.network.spiking import SpikingNetwork


def synaptic_operations(
    network: SpikingNetwork, input_spikes: float, hidden_spikes: Sequence[float]
) -> float:
    """Synaptic operations of one inference.

    Args:
        network: its layers' weights tell how many synapses a spike reaches: those of the next layer
            (or the readout) and the recurrent ones.
        input_spikes: that reach the first hidden layer, per sample.
        hidden_spikes: of each hidden layer, per sample.
    """
    layers = [*network.hidden, network.readout]
    total = input_spikes * layers[0].weight.shape[1]
    for layer, target, spikes in zip(layers, layers[1:], hidden_spikes, strict=False):
        recurrent = 0
        if layer.recurrent_weight is not None:
            recurrent = layer.nb_units - (not layer.self_recurrence)
        total += spikes * (recurrent + target.weight.shape[1])
    return total
