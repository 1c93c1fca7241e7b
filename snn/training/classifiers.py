"""Networks from numbers: one function per kind of model, its signature is its configuration.

A model configuration names one of these functions as its ``_target_``. What the data decide
(number of units and classes, milliseconds per step, analog or not) comes from the data module,
so that changing the data set never changes a model's configuration.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from snn.checks import Count, NonNegative, Positive
from snn.errors import ConfigError
from snn.network import Backend, SpikingNetwork
from snn.network.layers import CurrentEncoder, DropoutMask, Fan, LeakyReadout, Learn, RecurrentLIF
from snn.neurons import LIFDynamics, LogitRule
from snn.neurons.lif import Recurrence, Reset, Timing
from snn.neurons.surrogate import SurrogateName
from snn.neurons.time_constants import TauDistribution, spread_decay
from snn.training.losses import ClassificationLoss, LossName, Reduction, SpikeRegularizer
from snn.training.module import SpikingClassifier

OpenUnit = Annotated[float, Field(gt=0, lt=1)]
Size = Count


@dataclass(frozen=True)
class DataSpec:
    """What a model needs to know of its data.

    Attributes:
        nb_units: input units, or channels of an analog signal.
        nb_classes: number of classes.
        time_step: milliseconds that one step stands for in the neuron model.
        analog: the input is an analog signal that the model has to encode.
        class_counts: training samples of each class.
    """

    nb_units: int
    nb_classes: int
    time_step: float
    analog: bool
    class_counts: tuple[int, ...]


def _decay(key: str, factor: float | None, tau: float, time_step: float) -> float:
    """Decay per step, ``exp(-time_step / tau)`` unless the factor itself is given."""
    if factor is not None:
        return factor
    factor = math.exp(-time_step / tau)
    if not 0.0 < factor < 1.0:
        raise ConfigError(key, tau, f"of the order of the time step, {time_step} ms")
    return factor


def _of_neurons(
    name: str,
    decay: float,
    spread: float | None,
    distribution: TauDistribution | None,
    learn: Learn,
    units: int,
) -> float | Tensor:
    """The decay of a layer's neurons: a common one, or ``[unit]`` where their taus are spread."""
    if not spread:
        return decay
    if learn == "layer":
        raise ConfigError(f"model.learn_{name}", learn, "fixed or neuron, where taus are spread")
    return spread_decay(decay, spread, units, distribution or "log_uniform")


def _class_weights(
    choice: Literal["balanced"] | list[float] | None, data: DataSpec
) -> list[float] | None:
    """Weights of the loss per class: given, or inverse to how often a class is trained on."""
    if choice is None:
        return None
    if choice == "balanced":
        mean = sum(data.class_counts) / len(data.class_counts)
        return [mean / count if count else 0.0 for count in data.class_counts]
    if len(choice) != data.nb_classes:
        raise ConfigError(
            "model.class_weights", choice, f"{data.nb_classes} numbers, one for each class"
        )
    if not any(choice):
        raise ConfigError("model.class_weights", choice, "above 0 for at least one class")
    return list(choice)


def recurrent_lif(
    *,
    data: DataSpec,
    optimizer: Callable,
    scheduler: Callable | None = None,
    nb_hidden: Size | Annotated[list[Size], Field(min_length=1)] = 100,
    recurrent: bool = True,
    tau_mem: Positive = 10.0,
    tau_syn: Positive = 5.0,
    alpha: OpenUnit | None = None,
    beta: OpenUnit | None = None,
    learn_alpha: Learn = "fixed",
    learn_beta: Learn = "fixed",
    tau_mem_spread: NonNegative | None = None,
    tau_syn_spread: NonNegative | None = None,
    tau_distribution: TauDistribution | None = None,
    threshold: Positive = 1.0,
    initial_potential: Annotated[float, Field(allow_inf_nan=False)] = 0.0,
    surrogate: SurrogateName = "fast_sigmoid",
    scale: Positive = 100.0,
    reset: Reset = "zero",
    detach_reset: bool = True,
    recurrence: Recurrence = "previous",
    timing: Timing | None = None,
    leak_scaled_input: bool = False,
    weight_scale: NonNegative = 0.2,
    recurrent_weight_scale: NonNegative = 0.2,
    fan: Fan = "in",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    dropout_mask: DropoutMask = "sample",
    readout_weight_scale: NonNegative | None = None,
    readout_tau_mem: Positive | None = None,
    readout_tau_syn: Positive | None = None,
    logit_rule: LogitRule = "max",
    encoder_copies: Size = 32,
    loss_fn: LossName = "nll",
    class_weights: Literal["balanced"] | list[NonNegative] | None = None,
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] | None = None,
    regularizer: NonNegative = 0.0,
    reduction: Reduction = "sum",
    regularizer_l2: NonNegative = 0.0,
    backend: Backend = "auto",
) -> SpikingClassifier:
    """Hidden layers of recurrent current-based LIF neurons with a leaky readout (thesis ch. 2-3).

    Args:
        data: sizes and time step, from the data module.
        optimizer: from parameters to an optimizer.
        scheduler: from an optimizer to a learning-rate scheduler, stepped once per epoch.
        nb_hidden: neurons per hidden layer; a list makes several layers.
        recurrent: recurrent weights in each hidden layer, or feed-forward only.
        tau_mem: membrane time constant in ms, ``beta = exp(-time_step / tau_mem)``.
        tau_syn: synaptic time constant in ms, ``alpha = exp(-time_step / tau_syn)``.
        alpha: decay of the synaptic current per step instead of ``tau_syn``.
        beta: decay of the membrane potential per step instead of ``tau_mem``.
        learn_alpha: keep alpha ``fixed``, or learn one per ``layer`` or per ``neuron``.
        learn_beta: the same for beta.
        tau_mem_spread: draw a membrane time constant around ``tau_mem`` for each hidden neuron; how
            far they spread, in octaves or as tau_distribution says.
        tau_syn_spread: the same of ``tau_syn``.
        tau_distribution: ``log_uniform`` unless given, see :mod:`snn.neurons.time_constants`.
        threshold: membrane potential above which a neuron spikes.
        initial_potential: membrane potential of the hidden layers at the first step.
        surrogate: shape of the surrogate derivative.
        scale: its steepness.
        reset: after a spike the potential goes to ``zero``, or threshold is ``subtract``-ed.
        detach_reset: keep the reset out of the gradient.
        recurrence: recurrent drive from the ``previous`` (SpyTorch) or ``current`` (eq. 9) step.
        timing: ``late`` (SpyTorch), which None means, or ``prompt``, which NIR can say; see
            :mod:`snn.neurons.lif`. The kernels know the first.
        leak_scaled_input: scale currents by ``1 - beta`` in hidden layers and readout.
        weight_scale: standard deviation of feed-forward weights times sqrt(fan).
        recurrent_weight_scale: the same of recurrent weights.
        fan: fan-``in`` (SpyTorch) or fan-``out`` (thesis fig. 9) in those.
        dropout: probability that a spike does not reach its targets while training.
        dropout_mask: one mask per ``sample``, held over time, or one per ``step``.
        readout_weight_scale: as weight_scale, which it defaults to, for the readout.
        readout_tau_mem: as tau_mem, which it defaults to, for the readout.
        readout_tau_syn: as tau_syn, which it defaults to, for the readout.
        logit_rule: logits from the readout's trace.
        encoder_copies: encoding neurons per channel of an analog signal.
        loss_fn: classification loss.
        class_weights: weight of each class in it, or ``balanced``.
        label_smoothing: share of each label that is spread over all classes while training.
        regularizer: rate of the spike-count regulariser.
        reduction: whether it is applied to the ``sum`` or the ``mean`` of counts.
        regularizer_l2: rate of its L2 term per neuron.
        backend: ``einsum``, the kernels (``cpu`` or ``gpu``), or the fastest that works (``auto``).
    """
    syn = _decay("model.tau_syn", alpha, tau_syn, data.time_step)
    mem = _decay("model.tau_mem", beta, tau_mem, data.time_step)
    dynamics = LIFDynamics(
        threshold=threshold,
        scale=scale,
        surrogate=surrogate,
        reset=reset,
        detach_reset=detach_reset,
        leak_scaled_input=leak_scaled_input,
        recurrence=recurrence,
        timing=timing or "late",
        initial_potential=initial_potential,
    )
    encoder = None
    if data.analog:
        encoder = CurrentEncoder(
            data.nb_units,
            encoder_copies,
            mem,
            threshold=threshold,
            scale=scale,
            surrogate=surrogate,
        )
    nb_inputs = encoder.nb_units if encoder else data.nb_units
    sizes = [nb_inputs, *([nb_hidden] if isinstance(nb_hidden, int) else nb_hidden)]
    hidden = [
        RecurrentLIF(
            inputs,
            units,
            _of_neurons("alpha", syn, tau_syn_spread, tau_distribution, learn_alpha, units),
            _of_neurons("beta", mem, tau_mem_spread, tau_distribution, learn_beta, units),
            dynamics,
            recurrent=recurrent,
            learn_alpha=learn_alpha,
            learn_beta=learn_beta,
            weight_scale=weight_scale,
            recurrent_weight_scale=recurrent_weight_scale,
            fan=fan,
            dropout=dropout,
            dropout_mask=dropout_mask,
        )
        for inputs, units in pairwise(sizes)
    ]
    readout = LeakyReadout(
        sizes[-1],
        data.nb_classes,
        _decay("model.readout_tau_syn", None, readout_tau_syn, data.time_step)
        if readout_tau_syn
        else syn,
        _decay("model.readout_tau_mem", None, readout_tau_mem, data.time_step)
        if readout_tau_mem
        else mem,
        leak_scaled_input=leak_scaled_input,
        timing=dynamics.timing,
        weight_scale=weight_scale if readout_weight_scale is None else readout_weight_scale,
        fan=fan,
    )
    return SpikingClassifier(
        network=SpikingNetwork(hidden, readout, encoder, logit_rule, backend),
        loss=ClassificationLoss(
            loss_fn, _class_weights(class_weights, data), label_smoothing or 0.0
        ),
        regularizer=SpikeRegularizer(regularizer, reduction, regularizer_l2),
        nb_classes=data.nb_classes,
        optimizer=optimizer,
        scheduler=scheduler,
    )
