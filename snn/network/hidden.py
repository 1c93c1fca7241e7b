"""What all hidden layers have: weights, dropout, and what network and kernels ask of them."""

from __future__ import annotations

import abc
from collections.abc import Hashable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from snn.events import EventBatch, EventStore
from snn.kernels import LIFParameters, NeuronParameters
from snn.neurons.lif import Recurrence

DropoutMask = Literal["sample", "step"]


def draw_kept(
    like: Tensor, size: tuple[int, int, int], dropout: float, kind: DropoutMask
) -> Tensor:
    """1 for what dropout lets through, ``[batch, step or 1, unit]``, in the dtype of ``like``.

    Args:
        like: dtype and device.
        size: samples, steps and units.
        dropout: probability of 0.
        kind: one mask per ``sample``, held over time, or one per ``step``.
    """
    batch, steps, units = size
    keep = torch.full((1, units), 1.0 - dropout, dtype=like.dtype, device=like.device)
    return torch.bernoulli(keep.expand(batch, 1 if kind == "sample" else steps, -1))


class LayerRun(NamedTuple):
    """A hidden layer over a sequence."""

    spikes: Tensor
    """Before dropout, ``[batch, step, unit]``."""
    potentials: Tensor
    """What was compared with the threshold, likewise."""
    state: Any
    """After the last step."""
    states: dict[str, Tensor]
    """State variables before each step, ``[batch, step, unit]`` by name, if they are told."""


class HiddenLayer(nn.Module, abc.ABC):
    """A layer of spiking neurons between two others.

    Attributes:
        nb_units: number of neurons.
        weight: ``[input, unit]``.
        recurrent_weight: ``[unit, unit]``; None of a feed-forward layer.
        self_recurrence: whether a neuron's spikes come back to itself.
        dropout: probability that a spike does not reach the layer's targets.
        dropout_mask: one mask per ``sample``, held over time, or one per ``step``.
    """

    nb_units: int
    weight: Tensor
    recurrent_weight: Tensor | None
    self_recurrence: bool = True
    dropout: float
    dropout_mask: DropoutMask

    def draw_mask(self, batch: int, steps: int) -> Tensor | None:
        """A dropout mask ``[batch, step or 1, unit]`` while training, else None.

        Kept spikes are scaled up by ``1 / (1 - dropout)``, so that evaluation needs no factor.
        """
        if not self.training or self.dropout == 0.0:
            return None
        size = batch, steps, self.nb_units
        return draw_kept(self.weight, size, self.dropout, self.dropout_mask) / (1.0 - self.dropout)

    def recurrent_matrix(self) -> Tensor | None:
        """The recurrent weights that act: without the diagonal, if no neuron reaches itself."""
        if self.recurrent_weight is None or self.self_recurrence:
            return self.recurrent_weight
        return self.recurrent_weight - torch.diag(self.recurrent_weight.diagonal())

    @property
    @abc.abstractmethod
    def threshold(self) -> float:
        """What :attr:`LayerRun.potentials` are compared with."""

    @property
    @abc.abstractmethod
    def surrogate(self) -> str:
        """Shape of the surrogate derivative."""

    @property
    @abc.abstractmethod
    def recurrence(self) -> Recurrence:
        """Which step's spikes the recurrent weights see."""

    @abc.abstractmethod
    def run(self, x: Tensor, state: Any, mask: Tensor | None) -> LayerRun:
        """The layer in PyTorch operations, through its ``forward``."""

    @abc.abstractmethod
    def kernel_parameters(
        self, mask: Tensor | None, x: Tensor | EventBatch | EventStore | None = None
    ) -> LIFParameters | NeuronParameters:
        """The layer as the kernels take it.

        Args:
            mask: dropout.
            x: its input; where :attr:`reads_input` is true.
        """

    @abc.abstractmethod
    def without_kernel(self, backend: str) -> str | None:
        """Why the kernels cannot run this layer, None if they can."""

    @abc.abstractmethod
    def settings(self) -> Hashable:
        """What is no tensor, and decides what the layer computes."""

    @abc.abstractmethod
    def at_rest(self, batch: int) -> Any:
        """The state that a sequence starts from."""

    @property
    def reads_input(self) -> bool:
        """Whether its weights depend on the input of a batch, as they do while they normalise."""
        return False

    @property
    def delays_input(self) -> bool:
        """Whether there are delays on the way in."""
        return False

    def input_taps(self) -> Tensor | None:
        """Delays on the way in, ``[tap, input]``, see :func:`snn.neurons.delays.delayed`."""
        return None

    def set_progress(self, share: float) -> None:
        """How much of the training is over, 0 to 1."""

    def keep_in_range(self) -> None:
        """Brings parameters back into their ranges, after a step of the optimizer."""
