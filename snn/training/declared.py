"""Networks of declared neurons from numbers; the keys are those of :mod:`snn.training.classifiers`.

A model configuration names :func:`network_of` as its ``_target_`` and the neuron as a node of its
own. A neuron that is not of this package needs no more than its file and such a configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field

from snn.checks import NonNegative, Positive
from snn.network import Backend, SpikingNetwork
from snn.network.delays import DelayOptions
from snn.network.hidden import DropoutMask
from snn.network.initial import Fan, Spread
from snn.network.layers import CurrentEncoder, LeakyReadout
from snn.network.neuron_layer import NeuronLayer
from snn.neurons import LogitRule, Neuron
from snn.neurons.declaration.neuron import Learn
from snn.neurons.lif import Recurrence
from snn.neurons.surrogate import SurrogateName
from snn.training.classifiers import DataSpec, Size, class_weights_of, decay_of
from snn.training.losses import ClassificationLoss, LossName, Reduction, SpikeRegularizer
from snn.training.module import SpikingClassifier

Initial = float | Annotated[list[float], Field(min_length=2, max_length=2)] | None


def network_of(
    *,
    data: DataSpec,
    optimizer: Callable,
    neuron: Neuron,
    scheduler: Callable | None = None,
    initial: dict[str, Initial] | None = None,
    learn: dict[str, Learn | None] | None = None,
    nb_hidden: Size | Annotated[list[Size], Field(min_length=1)] = 100,
    recurrent: bool = True,
    self_recurrence: bool = True,
    bias: bool = False,
    recurrence: Recurrence = "previous",
    surrogate: SurrogateName = "fast_sigmoid",
    scale: Positive = 10.0,
    weight_scale: NonNegative = 1.0,
    weight_spread: Literal["normal", "uniform"] = "uniform",
    recurrent_weight_scale: NonNegative = 1.0,
    recurrent_spread: Spread = "orthogonal",
    fan: Fan = "in",
    delays: DelayOptions | None = None,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    dropout_mask: DropoutMask = "sample",
    readout_tau_mem: Positive = 10.0,
    readout_tau_syn: Positive = 5.0,
    readout_weight_scale: NonNegative = 0.2,
    leak_scaled_input: bool = False,
    logit_rule: LogitRule = "max",
    encoder_copies: Size = 32,
    encoder_tau: Positive = 10.0,
    loss_fn: LossName = "nll",
    class_weights: Literal["balanced"] | list[NonNegative] | None = None,
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] | None = None,
    regularizer: NonNegative = 0.0,
    reduction: Reduction = "sum",
    regularizer_l2: NonNegative = 0.0,
    backend: Backend = "auto",
) -> SpikingClassifier:
    """Hidden layers of declared neurons with a leaky readout.

    Args:
        data: sizes and time step, from the data module.
        optimizer: from parameters to an optimizer.
        neuron: what the hidden layers are made of.
        scheduler: from an optimizer to a learning-rate scheduler, stepped once per epoch.
        initial: by the names of the neuron's parameters, a number, or the limits between which
            each neuron draws its own; time constants in ms.
        learn: likewise, ``fixed``, or learned one per ``layer`` or per ``neuron``.
        nb_hidden: neurons per hidden layer; a list makes several layers.
        recurrent: recurrent weights in each hidden layer, or feed-forward only.
        self_recurrence: whether a neuron's spikes come back to itself.
        bias: a learned bias of each hidden neuron's drive.
        recurrence: recurrent drive from the ``previous`` or the ``current`` step.
        surrogate: shape of the surrogate derivative.
        scale: its steepness.
        weight_scale: standard deviation of feed-forward weights times sqrt(fan), or the limit of
            uniform ones.
        weight_spread: ``normal`` or ``uniform``.
        recurrent_weight_scale: the same of recurrent weights, a factor of ``orthogonal`` ones.
        recurrent_spread: ``normal``, ``uniform`` or ``orthogonal``.
        fan: fan-``in`` or fan-``out`` in those.
        delays: of recurrent connections and on the way into each hidden layer.
        dropout: probability that a spike does not reach its targets while training.
        dropout_mask: one mask per ``sample``, held over time, or one per ``step``.
        readout_tau_mem: membrane time constant of the readout in ms.
        readout_tau_syn: its synaptic time constant in ms.
        readout_weight_scale: standard deviation of its weights times sqrt(fan).
        leak_scaled_input: scale the readout's currents by ``1 - beta``.
        logit_rule: logits from the readout's trace.
        encoder_copies: encoding neurons per channel of an analog signal.
        encoder_tau: their membrane time constant in ms.
        loss_fn: classification loss.
        class_weights: weight of each class in it, or ``balanced``.
        label_smoothing: share of each label that is spread over all classes while training.
        regularizer: rate of the spike-count regulariser.
        reduction: whether it is applied to the ``sum`` or the ``mean`` of counts.
        regularizer_l2: rate of its L2 term per neuron.
        backend: ``einsum``, the kernels (``cpu`` or ``gpu``), or the fastest that works (``auto``).
    """
    step = data.time_step
    encoder = None
    if data.analog:
        tau = decay_of("model.encoder_tau", None, encoder_tau, step)
        encoder = CurrentEncoder(
            data.nb_units, encoder_copies, tau, scale=scale, surrogate=surrogate
        )
    nb_inputs = encoder.nb_units if encoder else data.nb_units
    sizes = [nb_inputs, *([nb_hidden] if isinstance(nb_hidden, int) else nb_hidden)]
    hidden = [
        NeuronLayer(
            inputs,
            units,
            neuron,
            step,
            initial=_given(initial),
            learn=_given(learn),
            recurrent=recurrent,
            self_recurrence=self_recurrence,
            bias=bias,
            recurrence=recurrence,
            surrogate=surrogate,
            scale=scale,
            weight_scale=weight_scale,
            weight_spread=weight_spread,
            recurrent_weight_scale=recurrent_weight_scale,
            recurrent_spread=recurrent_spread,
            fan=fan,
            delays=delays,
            dropout=dropout,
            dropout_mask=dropout_mask,
        )
        for inputs, units in pairwise(sizes)
    ]
    readout = LeakyReadout(
        sizes[-1],
        data.nb_classes,
        decay_of("model.readout_tau_syn", None, readout_tau_syn, step),
        decay_of("model.readout_tau_mem", None, readout_tau_mem, step),
        leak_scaled_input=leak_scaled_input,
        weight_scale=readout_weight_scale,
        fan=fan,
    )
    weights = class_weights_of(class_weights, data)
    return SpikingClassifier(
        network=SpikingNetwork(hidden, readout, encoder, logit_rule, backend),
        loss=ClassificationLoss(loss_fn, weights, label_smoothing or 0.0),
        regularizer=SpikeRegularizer(regularizer, reduction, regularizer_l2),
        nb_classes=data.nb_classes,
        optimizer=optimizer,
        scheduler=scheduler,
    )


def _given(values: dict[str, Any] | None) -> dict[str, Any]:
    """Those that are not null, which stands for the declaration's own."""
    return {name: value for name, value in (values or {}).items() if value is not None}
