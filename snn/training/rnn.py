"""Recurrent networks without spikes from numbers, through the same data, losses and records.

The keys are those of :mod:`snn.training.classifiers` as far as they mean anything without spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from snn.checks import NonNegative, Positive
from snn.network.hidden import DropoutMask
from snn.network.initial import Spread
from snn.network.layers import CurrentEncoder, LeakyReadout
from snn.network.recurrent import Cell, LinearReadout, RecurrentNetwork
from snn.neurons import LogitRule
from snn.training.classifiers import DataSpec, Size, class_weights_of, decay_of
from snn.training.losses import ClassificationLoss, LossName, SpikeRegularizer
from snn.training.module import SpikingClassifier


def rnn(
    *,
    data: DataSpec,
    optimizer: Callable,
    scheduler: Callable | None = None,
    cell: Cell = "tanh",
    nb_hidden: Size | Annotated[list[Size], Field(min_length=1)] = 100,
    weight_scale: NonNegative = 1.0,
    recurrent_weight_scale: NonNegative = 1.0,
    recurrent_spread: Spread = "orthogonal",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    dropout_mask: DropoutMask = "sample",
    readout: Literal["leaky", "linear"] = "leaky",
    readout_tau_mem: Positive = 10.0,
    readout_tau_syn: Positive = 5.0,
    readout_weight_scale: NonNegative = 0.2,
    leak_scaled_input: bool = False,
    logit_rule: LogitRule = "max",
    encoder_copies: Size | None = None,
    encoder_tau: Positive = 10.0,
    encoder_scale: Positive = 100.0,
    loss_fn: LossName = "nll",
    class_weights: Literal["balanced"] | list[NonNegative] | None = None,
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] | None = None,
) -> SpikingClassifier:
    """Hidden layers of tanh (Elman) or GRU units with the readout of the spiking networks.

    Args:
        data: sizes and time step, from the data module.
        optimizer: from parameters to an optimizer.
        scheduler: from an optimizer to a learning-rate scheduler, stepped once per epoch.
        cell: ``tanh`` or ``gru``.
        nb_hidden: units per hidden layer; a list makes several layers.
        weight_scale: limit of the uniform input weights times sqrt(fan-in).
        recurrent_weight_scale: the same of recurrent weights, a factor of ``orthogonal`` ones.
        recurrent_spread: ``orthogonal``, ``uniform`` or ``normal``.
        dropout: probability that a unit does not reach its targets while training.
        dropout_mask: one mask per ``sample``, held over time, or one per ``step``.
        readout: ``leaky``, that of the spiking networks, or ``linear``, a weighted sum per step.
        readout_tau_mem: membrane time constant of the leaky readout in ms.
        readout_tau_syn: its synaptic time constant in ms.
        readout_weight_scale: standard deviation of its weights times sqrt(fan-in); of the linear
            one, their limit.
        leak_scaled_input: scale the leaky readout's currents by ``1 - beta``.
        logit_rule: logits from the readout's trace.
        encoder_copies: encoding spiking neurons per channel of an analog signal; None: the units
            get the signal itself, which suits them better.
        encoder_tau: membrane time constant of such neurons in ms.
        encoder_scale: steepness of their surrogate derivative.
        loss_fn: classification loss.
        class_weights: weight of each class in it, or ``balanced``.
        label_smoothing: share of each label that is spread over all classes while training.
    """
    step = data.time_step
    encoder = None
    if data.analog and encoder_copies:
        tau = decay_of("model.encoder_tau", None, encoder_tau, step)
        encoder = CurrentEncoder(data.nb_units, encoder_copies, tau, scale=encoder_scale)
    sizes = [nb_hidden] if isinstance(nb_hidden, int) else nb_hidden
    if readout == "leaky":
        layer = LeakyReadout(
            sizes[-1],
            data.nb_classes,
            decay_of("model.readout_tau_syn", None, readout_tau_syn, step),
            decay_of("model.readout_tau_mem", None, readout_tau_mem, step),
            leak_scaled_input=leak_scaled_input,
            weight_scale=readout_weight_scale,
        )
    else:
        layer = LinearReadout(sizes[-1], data.nb_classes, readout_weight_scale)
    network = RecurrentNetwork(
        encoder.nb_units if encoder else data.nb_units,
        sizes,
        layer,
        cell,
        encoder,
        logit_rule,
        recurrent_spread=recurrent_spread,
        weight_scale=weight_scale,
        recurrent_weight_scale=recurrent_weight_scale,
        dropout=dropout,
        dropout_mask=dropout_mask,
    )
    weights = class_weights_of(class_weights, data)
    return SpikingClassifier(
        network=network,
        loss=ClassificationLoss(loss_fn, weights, label_smoothing or 0.0),
        regularizer=SpikeRegularizer(),
        nb_classes=data.nb_classes,
        optimizer=optimizer,
        scheduler=scheduler,
    )
