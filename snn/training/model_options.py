"""Options that models share, in groups: hidden layers, readout, encoder, loss and regulariser.

In a configuration they are plain keys of ``model`` (:mod:`snn.options`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from snn.checks import Count, NonNegative, Positive
from snn.errors import ConfigError
from snn.network.delays import DelayOptions
from snn.network.hidden import DropoutMask, HiddenLayer
from snn.network.initial import Fan
from snn.network.layers import CurrentEncoder, LeakyReadout
from snn.network.normalization import Normalize
from snn.neurons import LogitRule
from snn.neurons.lif import Recurrence, Timing
from snn.neurons.surrogate import SurrogateName
from snn.options import Options
from snn.training.losses import ClassificationLoss, LossName, Reduction, SpikeRegularizer

OpenUnit = Annotated[float, Field(gt=0, lt=1)]
Size = Count
Scales = NonNegative | Annotated[list[NonNegative], Field(min_length=1)]


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


@dataclass(frozen=True, kw_only=True)
class HiddenOptions(Options):
    """Hidden layers, whatever their neurons.

    Attributes:
        nb_hidden: neurons per hidden layer; a list makes several layers.
        recurrent: recurrent weights in each hidden layer, or feed-forward only.
        recurrence: recurrent drive from the ``previous`` (SpyTorch) or ``current`` (thesis eq. 9)
            step.
        surrogate: shape of the surrogate derivative.
        scale: its steepness.
        weight_scale: standard deviation of feed-forward weights times sqrt(fan); a list has one
            for each layer.
        recurrent_weight_scale: the same of recurrent weights.
        fan: fan-``in`` (SpyTorch) or fan-``out`` (thesis fig. 9) in those.
        bias: a learned bias of each hidden neuron's drive.
        normalize: ``batch`` normalises each neuron's drive from the input, see
            :mod:`snn.network.normalization`.
        delays: of recurrent connections and on the way into each hidden layer.
        dropout: probability that a spike does not reach its targets while training.
        dropout_mask: one mask per ``sample``, held over time, or one per ``step``.
    """

    nb_hidden: Size | Annotated[list[Size], Field(min_length=1)] = 100
    recurrent: bool = True
    recurrence: Recurrence = "previous"
    surrogate: SurrogateName = "fast_sigmoid"
    scale: Positive = 100.0
    weight_scale: Scales = 0.2
    recurrent_weight_scale: Scales = 0.2
    fan: Fan = "in"
    bias: bool | None = None
    normalize: Normalize | None = None
    delays: DelayOptions | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    dropout_mask: DropoutMask = "sample"

    @property
    def delaying(self) -> bool:
        """Whether any connection has delays."""
        return self.delays is not None and self.delays.some

    def layers(
        self, nb_inputs: int, make: Callable[[int, int, Self], HiddenLayer]
    ) -> tuple[list[HiddenLayer], int]:
        """Layers one after another, made from their numbers of inputs and neurons and the options
        of each, and the number of the last one's neurons."""
        units, each = sizes_of(self.nb_hidden), self.of_each()
        sizes = pairwise([nb_inputs, *units])
        return [make(*size, one) for size, one in zip(sizes, each, strict=True)], units[-1]

    def of_each(self) -> list[Self]:
        """The options of each layer alone, whose scales are numbers.

        Raises:
            ConfigError: a list of scales is not as long as there are layers.
        """
        count = len(sizes_of(self.nb_hidden))
        names = "weight_scale", "recurrent_weight_scale"
        scales = {name: _for_each(f"model.{name}", getattr(self, name), count) for name in names}
        return [
            replace(self, **{name: values[i] for name, values in scales.items()})
            for i in range(count)
        ]

    def of_lif(self) -> dict[str, Any]:
        """What :class:`snn.network.layers.RecurrentLIF` takes of them."""
        return {
            "recurrent": self.recurrent,
            "weight_scale": self.weight_scale,
            "recurrent_weight_scale": self.recurrent_weight_scale,
            "fan": self.fan,
            "dropout": self.dropout,
            "dropout_mask": self.dropout_mask,
        }

    def of_neurons(self) -> dict[str, Any]:
        """What :class:`snn.network.neuron_layer.NeuronLayer` takes of them."""
        return self.of_lif() | {
            "bias": bool(self.bias),
            "normalize": self.normalize,
            "recurrence": self.recurrence,
            "surrogate": self.surrogate,
            "scale": self.scale,
            "delays": self.delays,
        }


@dataclass(frozen=True, kw_only=True)
class ReadoutOptions(Options):
    """The readout and what is read from it.

    Attributes:
        readout_weight_scale: standard deviation of its weights times sqrt(fan).
        readout_tau_mem: its membrane time constant in ms.
        readout_tau_syn: its synaptic time constant in ms.
        leak_scaled_input: scale its currents by ``1 - beta``.
        logit_rule: logits from its trace.
    """

    readout_weight_scale: NonNegative | None = None
    readout_tau_mem: Positive | None = None
    readout_tau_syn: Positive | None = None
    leak_scaled_input: bool = False
    logit_rule: LogitRule = "max"

    def make(
        self,
        nb_inputs: int,
        data: DataSpec,
        fan: Fan,
        *,
        syn: float | None = None,
        mem: float | None = None,
        weight_scale: float | None = None,
        timing: Timing = "late",
    ) -> LeakyReadout:
        """The readout.

        Args:
            nb_inputs: neurons of the last hidden layer.
            data: sizes and time step.
            fan: which fan divides.
            syn: decay of its current per step, where the options say no time constant.
            mem: the same of its potential.
            weight_scale: where the options say none.
            timing: ``late`` or ``prompt``.
        """
        scale, step = self.readout_weight_scale, data.time_step
        if self.readout_tau_syn:
            syn = decay_of("model.readout_tau_syn", None, self.readout_tau_syn, step)
        if self.readout_tau_mem:
            mem = decay_of("model.readout_tau_mem", None, self.readout_tau_mem, step)
        return LeakyReadout(
            nb_inputs,
            data.nb_classes,
            syn,
            mem,
            leak_scaled_input=self.leak_scaled_input,
            timing=timing,
            weight_scale=weight_scale if scale is None else scale,
            fan=fan,
        )


@dataclass(frozen=True, kw_only=True)
class EncoderOptions(Options):
    """Encoding of analog signals.

    Attributes:
        encoder_copies: encoding neurons per channel.
    """

    encoder_copies: Size = 32

    def make(
        self, data: DataSpec, mem: float, hidden: HiddenOptions, threshold: float = 1.0
    ) -> CurrentEncoder | None:
        """The encoder, with neurons whose potential decays by ``mem`` per step; None for events."""
        if not data.analog:
            return None
        return CurrentEncoder(
            data.nb_units,
            self.encoder_copies,
            mem,
            threshold=threshold,
            scale=hidden.scale,
            surrogate=hidden.surrogate,
        )


@dataclass(frozen=True, kw_only=True)
class LossOptions(Options):
    """The classification loss.

    Attributes:
        loss_fn: its kind.
        class_weights: weight of each class in it, or ``balanced``.
        label_smoothing: share of each label that is spread over all classes while training.
    """

    loss_fn: LossName = "nll"
    class_weights: Literal["balanced"] | list[NonNegative] | None = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] | None = None

    def make(self, data: DataSpec) -> ClassificationLoss:
        """The loss for these classes."""
        weights = class_weights_of(self.class_weights, data)
        return ClassificationLoss(self.loss_fn, weights, self.label_smoothing or 0.0)


@dataclass(frozen=True, kw_only=True)
class RegularizerOptions(Options):
    """The spike-count regulariser.

    Attributes:
        regularizer: its rate.
        reduction: whether it is applied to the ``sum`` or the ``mean`` of counts.
        regularizer_l2: rate of its L2 term per neuron.
    """

    regularizer: NonNegative = 0.0
    reduction: Reduction = "sum"
    regularizer_l2: NonNegative = 0.0

    def make(self) -> SpikeRegularizer:
        """The regulariser."""
        return SpikeRegularizer(self.regularizer, self.reduction, self.regularizer_l2)


def sizes_of(nb_hidden: int | Sequence[int]) -> list[int]:
    """Neurons of each hidden layer."""
    return [nb_hidden] if isinstance(nb_hidden, int) else list(nb_hidden)


def _for_each(key: str, scales: float | Sequence[float], count: int) -> list[float]:
    """A scale of weights for each of the hidden layers."""
    if not isinstance(scales, Sequence):
        return [scales] * count
    if len(scales) != count:
        allowed = f"a number, or a list of {count}: one for each hidden layer of model.nb_hidden"
        raise ConfigError(key, list(scales), allowed)
    return list(scales)


def decay_of(key: str, factor: float | None, tau: float, time_step: float) -> float:
    """Decay per step, ``exp(-time_step / tau)`` unless the factor itself is given."""
    if factor is not None:
        return factor
    factor = math.exp(-time_step / tau)
    if not 0.0 < factor < 1.0:
        raise ConfigError(key, tau, f"of the order of the time step, {time_step} ms")
    return factor


def class_weights_of(
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
