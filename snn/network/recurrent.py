r"""A recurrent network without spikes: what a spiking one is to be compared with.

The input is what a spiking network gets, ``[batch, step, unit]``, and so are readout and logits. A
hidden layer is one of PyTorch's, with :math:`x` its input and :math:`h` its state:

``tanh`` (Elman 1990, Cogn. Sci. 14:179)
    :math:`h_t = \tanh(W x_t + V h_{t-1} + b)`
``gru`` (Cho et al. 2014, EMNLP; as ``torch.nn.GRU`` has it)
    :math:`r, z = \sigma(\dots)`, :math:`n = \tanh(W x_t + b + r (V h_{t-1} + c))`,
    :math:`h_t = (1 - z) n + z h_{t-1}`; three times the weights of ``tanh``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from snn.checks import Count, NonNegative, checked
from snn.errors import ConfigError
from snn.events import EventBatch, EventStore
from snn.network.hidden import DropoutMask, draw_kept
from snn.network.initial import Dropout, Spread, recurrent_matrix, weight_matrix
from snn.network.inputs import check_input
from snn.network.layers import CurrentEncoder, LeakyReadout
from snn.network.trace import NetworkOutput
from snn.neurons import LogitRule, logits

Cell = Literal["tanh", "gru"]
GATES = {"tanh": 1, "gru": 3}


class Product(NamedTuple):
    """Weights, and what they are multiplied with in each step."""

    weight: Tensor
    """``[input, output]``."""
    inputs: Tensor
    """``[batch, step, input]``."""


@checked
class LinearReadout(nn.Module):
    """A weighted sum of each step: no state.

    Args:
        nb_inputs: number of hidden units.
        nb_classes: number of classes.
        weight_scale: limit of the uniform weights times sqrt(fan-in).
    """

    def __init__(self, nb_inputs: Count, nb_classes: Count, weight_scale: NonNegative = 1.0):
        super().__init__()
        self.weight = weight_matrix(nb_inputs, nb_classes, weight_scale, "in", "uniform")
        self.bias = nn.Parameter(torch.zeros(nb_classes))

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """The trace ``[batch, step, class]``, and no state."""
        return x @ self.weight + self.bias, None


@checked
class RecurrentNetwork(nn.Module):
    """Hidden layers of ``tanh`` or ``gru`` units between an optional encoder and a readout.

    Args:
        nb_inputs: size of the input, or of the encoder's output.
        sizes: units of each hidden layer.
        readout: turns the last layer's states into a trace per class.
        cell: kind of the units.
        encoder: turns analog input into spikes; None: the input is taken as it is.
        logit_rule: logits from the readout's trace.
        recurrent_spread: of recurrent weights: ``orthogonal``, ``uniform`` or ``normal``.
        weight_scale: limit of the uniform input weights times sqrt(fan-in).
        recurrent_weight_scale: the same of recurrent weights; a factor of ``orthogonal`` ones.
        dropout: probability that a unit does not reach the next layer.
        dropout_mask: one mask per ``sample``, held over time, or one per ``step``.

    Raises:
        ConfigError: encoder, layers and readout do not fit together.
    """

    def __init__(
        self,
        nb_inputs: Count,
        sizes: Annotated[Sequence[Count], Field(min_length=1)],
        readout: LeakyReadout | LinearReadout,
        cell: Cell = "tanh",
        encoder: CurrentEncoder | None = None,
        logit_rule: LogitRule = "max",
        *,
        recurrent_spread: Spread = "orthogonal",
        weight_scale: NonNegative = 1.0,
        recurrent_weight_scale: NonNegative = 1.0,
        dropout: Dropout = 0.0,
        dropout_mask: DropoutMask = "sample",
    ) -> None:
        super().__init__()
        if encoder is not None and encoder.nb_units != nb_inputs:
            allowed = f"{encoder.nb_units}, the number of units of the encoder"
            raise ConfigError("nb_inputs", nb_inputs, allowed)
        if len(readout.weight) != sizes[-1]:
            allowed = f"{sizes[-1]}, the number of units before it"
            raise ConfigError("readout.nb_inputs", len(readout.weight), allowed)
        kind = {"tanh": nn.RNN, "gru": nn.GRU}[cell]
        self.cell, self.encoder, self.logit_rule = cell, encoder, logit_rule
        self.dropout, self.dropout_mask = dropout, dropout_mask
        self.layers = nn.ModuleList(
            kind(inputs, units, batch_first=True) for inputs, units in pairwise((nb_inputs, *sizes))
        )
        self.readout = readout
        with torch.no_grad():
            for layer in self.layers:
                self._draw(layer, recurrent_spread, weight_scale, recurrent_weight_scale)

    def _draw(
        self, layer: nn.RNNBase, spread: Spread, weight_scale: float, recurrent_scale: float
    ) -> None:
        inputs, units = layer.input_size, layer.hidden_size
        for gate in range(GATES[self.cell]):
            rows = slice(gate * units, (gate + 1) * units)
            weight = weight_matrix(inputs, units, weight_scale, "in", "uniform")
            layer.weight_ih_l0[rows] = weight.T
            layer.weight_hh_l0[rows] = recurrent_matrix(units, recurrent_scale, "in", spread).T
        layer.bias_ih_l0.zero_()
        layer.bias_hh_l0.zero_()

    def forward(self, x: Tensor | EventBatch | EventStore) -> NetworkOutput:
        """Classify a batch; there are no spikes to count.

        Args:
            x: events, spike counts ``[batch, step, unit]``, or analog ``[batch, step, channel]``.
        """
        states = self.states(self.encoded(x))
        trace, _ = self.readout(self._dropped(states[-1]))
        return NetworkOutput(logits(trace, self.logit_rule), [])

    def encoded(self, x: Tensor | EventBatch | EventStore) -> Tensor:
        """What the first hidden layer gets, ``[batch, step, unit]``."""
        first = self.layers[0].input_size if self.encoder is None else self.encoder.nb_channels
        check_input(x, first)
        dtype = self.readout.weight.dtype
        x = x.to(dtype) if isinstance(x, Tensor) else x.to_dense(dtype)
        return x if self.encoder is None else self.encoder(x)[0]

    def states(self, x: Tensor) -> list[Tensor]:
        """States of each hidden layer after each step, ``[batch, step, unit]``."""
        found: list[Tensor] = []
        for layer in self.layers:
            sent = self._dropped(found[-1]) if found else x
            found.append(layer(sent)[0])
        return found

    def _dropped(self, states: Tensor) -> Tensor:
        if not self.training or self.dropout == 0.0:
            return states
        kept = draw_kept(states, tuple(states.shape), self.dropout, self.dropout_mask)
        return states * kept / (1.0 - self.dropout)

    def weights(self) -> list[Tensor]:
        """All weight matrices, ``[input, output]``."""
        found = []
        for layer in self.layers:
            found += [layer.weight_ih_l0.T, layer.weight_hh_l0.T]
        return [*found, self.readout.weight]

    def products(self, x: Tensor, states: Sequence[Tensor]) -> Iterator[Product]:
        """All products with weights that a forward pass consists of, in the order of
        :meth:`weights`.

        Args:
            x: as :meth:`encoded` gives it.
            states: of :meth:`states`.
        """
        weights = iter(self.weights())
        for inputs, state in zip((x, *states), states, strict=False):
            before = torch.cat([torch.zeros_like(state[:, :1]), state[:, :-1]], 1)
            yield Product(next(weights), inputs)
            yield Product(next(weights), before)
        yield Product(next(weights), states[-1])
