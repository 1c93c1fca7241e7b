"""Networks of declared neurons from numbers.

A model configuration names :func:`network_of` as its ``_target_`` and the neuron as a node of its
own. A neuron that is not of this package needs no more than its file and such a configuration. The
options that models share are explained in :mod:`snn.training.model_options`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from snn.checks import NonNegative, Positive
from snn.network import Backend, SpikingNetwork
from snn.network.hidden import HiddenLayer
from snn.network.initial import Spread
from snn.network.neuron_layer import NeuronLayer
from snn.neurons import Neuron
from snn.neurons.declaration.neuron import Learn
from snn.options import grouped
from snn.training.model_options import (
    DataSpec,
    EncoderOptions,
    HiddenOptions,
    LossOptions,
    ReadoutOptions,
    RegularizerOptions,
    Scales,
    decay_of,
)
from snn.training.module import SpikingClassifier

Initial = float | Annotated[list[float], Field(min_length=2, max_length=2)] | None


@dataclass(frozen=True, kw_only=True)
class NeuronLayerOptions(HiddenOptions):
    """What layers of declared neurons have beside the rest.

    Attributes:
        self_recurrence: whether a neuron's spikes come back to itself.
        weight_spread: ``normal``, or ``uniform``: weight_scale is then the limit times sqrt(fan).
        recurrent_spread: ``normal``, ``uniform`` or ``orthogonal``: recurrent_weight_scale is then
            a factor.
    """

    self_recurrence: bool = True
    bias: bool = False
    scale: Positive = 10.0
    weight_scale: Scales = 1.0
    weight_spread: Literal["normal", "uniform"] = "uniform"
    recurrent_weight_scale: Scales = 1.0
    recurrent_spread: Spread = "orthogonal"

    def of_neurons(self) -> dict[str, Any]:
        return super().of_neurons() | {
            "self_recurrence": self.self_recurrence,
            "weight_spread": self.weight_spread,
            "recurrent_spread": self.recurrent_spread,
        }


@dataclass(frozen=True, kw_only=True)
class OwnReadout(ReadoutOptions):
    """A readout with constants of its own, as a neuron's may mean something else."""

    readout_tau_mem: Positive = 10.0
    readout_tau_syn: Positive = 5.0
    readout_weight_scale: NonNegative = 0.2


@dataclass(frozen=True, kw_only=True)
class OwnEncoder(EncoderOptions):
    """An encoder with a time constant of its own.

    Attributes:
        encoder_tau: membrane time constant of its neurons in ms.
    """

    encoder_tau: Positive = 10.0


@grouped
def network_of(
    *,
    data: DataSpec,
    optimizer: Callable,
    neuron: Neuron,
    scheduler: Callable | None = None,
    initial: dict[str, Initial] | None = None,
    learn: dict[str, Learn | None] | None = None,
    hidden: NeuronLayerOptions,
    readout: OwnReadout,
    encoder: OwnEncoder,
    loss: LossOptions,
    penalty: RegularizerOptions,
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
        hidden: its fields are options.
        readout: likewise.
        encoder: likewise.
        loss: likewise.
        penalty: likewise.
        backend: ``einsum``, the kernels (``cpu`` or ``gpu``), or the fastest that works (``auto``).
    """
    step = data.time_step
    mem = decay_of("model.encoder_tau", None, encoder.encoder_tau, step) if data.analog else 0.0
    encoding = encoder.make(data, mem, hidden)

    def layer(nb_inputs: int, units: int, options: HiddenOptions) -> HiddenLayer:
        return NeuronLayer(
            nb_inputs,
            units,
            neuron,
            step,
            initial=_given(initial),
            learn=_given(learn),
            **options.of_neurons(),
        )

    layers, last = hidden.layers(encoding.nb_units if encoding else data.nb_units, layer)
    reads = readout.make(last, data, hidden.fan)
    return SpikingClassifier(
        network=SpikingNetwork(layers, reads, encoding, readout.logit_rule, backend),
        loss=loss.make(data),
        regularizer=penalty.make(),
        nb_classes=data.nb_classes,
        optimizer=optimizer,
        scheduler=scheduler,
    )


def _given(values: dict[str, Any] | None) -> dict[str, Any]:
    """Those that are not null, which stands for the declaration's own."""
    return {name: value for name, value in (values or {}).items() if value is not None}
