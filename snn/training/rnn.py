"""Recurrent networks without spikes from numbers, through the same data, losses and records.

The keys are those of :mod:`snn.training.classifiers` as far as they mean anything without spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from snn.checks import NonNegative, Positive
from snn.network.hidden import DropoutMask
from snn.network.initial import Spread
from snn.network.layers import CurrentEncoder
from snn.network.recurrent import Cell, LinearReadout, RecurrentNetwork
from snn.options import Options, grouped
from snn.training.losses import SpikeRegularizer
from snn.training.model_options import (
    DataSpec,
    LossOptions,
    ReadoutOptions,
    Size,
    decay_of,
    sizes_of,
)
from snn.training.module import SpikingClassifier

# Time constants of the readout in ms where none are given, as of the spiking networks.
TAU_SYN, TAU_MEM = 5.0, 10.0
READOUT_SCALE = 0.2


@dataclass(frozen=True, kw_only=True)
class UnitOptions(Options):
    """Hidden layers of units without spikes.

    Attributes:
        cell: ``tanh`` or ``gru``.
        nb_hidden: units per hidden layer; a list makes several layers.
        weight_scale: limit of the uniform input weights times sqrt(fan-in).
        recurrent_weight_scale: the same of recurrent weights, a factor of ``orthogonal`` ones.
        recurrent_spread: ``orthogonal``, ``uniform`` or ``normal``.
        dropout: probability that a unit does not reach its targets while training.
        dropout_mask: one mask per ``sample``, held over time, or one per ``step``.
    """

    cell: Cell = "tanh"
    nb_hidden: Size | Annotated[list[Size], Field(min_length=1)] = 100
    weight_scale: NonNegative = 1.0
    recurrent_weight_scale: NonNegative = 1.0
    recurrent_spread: Spread = "orthogonal"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    dropout_mask: DropoutMask = "sample"


@dataclass(frozen=True, kw_only=True)
class SignalOptions(Options):
    """What becomes of analog signals.

    Attributes:
        encoder_copies: encoding spiking neurons per channel; None: the units get the signal
            itself, which suits them better.
        encoder_tau: membrane time constant of such neurons in ms.
        encoder_scale: steepness of their surrogate derivative.
    """

    encoder_copies: Size | None = None
    encoder_tau: Positive = TAU_MEM
    encoder_scale: Positive = 100.0

    def make(self, data: DataSpec) -> CurrentEncoder | None:
        """The encoder, if one is wanted."""
        if not data.analog or self.encoder_copies is None:
            return None
        tau = decay_of("model.encoder_tau", None, self.encoder_tau, data.time_step)
        return CurrentEncoder(data.nb_units, self.encoder_copies, tau, scale=self.encoder_scale)


@grouped
def rnn(
    *,
    data: DataSpec,
    optimizer: Callable,
    scheduler: Callable | None = None,
    units: UnitOptions,
    readout: Literal["leaky", "linear"] = "leaky",
    reads: ReadoutOptions,
    signals: SignalOptions,
    loss: LossOptions,
) -> SpikingClassifier:
    """Hidden layers of tanh (Elman) or GRU units with the readout of the spiking networks.

    Args:
        data: sizes and time step, from the data module.
        optimizer: from parameters to an optimizer.
        scheduler: from an optimizer to a learning-rate scheduler, stepped once per epoch.
        units: hidden layers.
        readout: ``leaky``, that of the spiking networks, or ``linear``, a weighted sum per step.
        reads: its keys; of the linear one, ``readout_weight_scale`` is the limit of its weights.
        signals: what becomes of analog signals.
        loss: the classification loss.
    """
    encoder, step = signals.make(data), data.time_step
    sizes = sizes_of(units.nb_hidden)
    if readout == "leaky":
        syn = decay_of("model.readout_tau_syn", None, TAU_SYN, step)
        mem = decay_of("model.readout_tau_mem", None, TAU_MEM, step)
        layer = reads.make(sizes[-1], data, "in", syn=syn, mem=mem, weight_scale=READOUT_SCALE)
    else:
        scale = reads.readout_weight_scale
        scale = READOUT_SCALE if scale is None else scale
        layer = LinearReadout(sizes[-1], data.nb_classes, scale)
    network = RecurrentNetwork(
        encoder.nb_units if encoder else data.nb_units,
        sizes,
        layer,
        units.cell,
        encoder,
        reads.logit_rule,
        recurrent_spread=units.recurrent_spread,
        weight_scale=units.weight_scale,
        recurrent_weight_scale=units.recurrent_weight_scale,
        dropout=units.dropout,
        dropout_mask=units.dropout_mask,
    )
    return SpikingClassifier(
        network=network,
        loss=loss.make(data),
        regularizer=SpikeRegularizer(),
        nb_classes=data.nb_classes,
        optimizer=optimizer,
        scheduler=scheduler,
    )
