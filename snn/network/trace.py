"""What a pass through a spiking network gives: logits for training, or everything that happened."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from snn.neurons import EncoderState, LayerState, LIFState, ReadoutState


class NetworkOutput(NamedTuple):
    """What training needs of a forward pass; both carry gradients."""

    logits: Tensor
    """``[batch, class]``."""
    spike_counts: list[Tensor]
    """Spikes per sample and neuron, one ``[batch, unit]`` for each hidden layer."""


class NetworkState(NamedTuple):
    """State of all parts between two chunks of a sequence."""

    encoder: EncoderState | None
    hidden: list[LIFState | LayerState]
    readout: ReadoutState
    masks: list[Tensor | None]
    """Dropout masks that are held over the whole sequence."""


class Trace(NamedTuple):
    """Everything that happened in the network, ``[batch, step, unit]`` each."""

    input: Tensor
    """Spikes that the first hidden layer received (the encoder's, if there is one)."""
    spikes: list[Tensor]
    potentials: list[Tensor]
    """What each hidden layer compared with its threshold: potentials before the reset of a step."""
    output: Tensor
    """Readout potentials, ``[batch, step + 1, class]``, the initial state first."""
    state: NetworkState
    currents: list[Tensor | None]
    """Synaptic currents of each hidden layer; None of a layer whose forward is not this package's,
    which does not tell them."""
    readout_currents: Tensor | None
    """Currents of the readout, ``[batch, step + 1, class]``, the initial state first; likewise."""
    encoder_potentials: Tensor | None
    """Membrane potentials of the encoder, before the reset; None without one."""
    states: list[dict[str, Tensor]]
    """State variables of each hidden layer before each step, ``[batch, step, unit]`` by name; none
    of a layer whose forward is not this package's."""
