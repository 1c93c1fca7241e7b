"""Networks from numbers: one function per kind of model, its options are its configuration.

A model configuration names one of these functions as its ``_target_``. What the data decide
(number of units and classes, milliseconds per step, analog or not) comes from the data module,
so that changing the data set never changes a model's configuration. The options that models share
are explained in :mod:`snn.training.model_options`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from snn.checks import NonNegative, Positive
from snn.errors import ConfigError
from snn.network import Backend, SpikingNetwork
from snn.network.hidden import HiddenLayer
from snn.network.layers import Learn, RecurrentLIF
from snn.network.neuron_layer import NeuronLayer
from snn.neurons import CubaLIF, LIFDynamics
from snn.neurons.lif import Reset, Timing
from snn.neurons.time_constants import TauDistribution, spread_decay
from snn.options import Options, grouped
from snn.training.model_options import (
    DataSpec,
    EncoderOptions,
    HiddenOptions,
    LossOptions,
    OpenUnit,
    ReadoutOptions,
    RegularizerOptions,
    Size,
    decay_of,
)
from snn.training.module import SpikingClassifier

__all__ = ["DataSpec", "Size", "recurrent_lif"]


@dataclass(frozen=True, kw_only=True)
class LIFOptions(Options):
    """Current-based LIF neurons.

    Attributes:
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
        reset: after a spike the potential goes to ``zero``, or threshold is ``subtract``-ed.
        detach_reset: keep the reset out of the gradient.
        timing: ``late`` (SpyTorch), which None means, or ``prompt``, which NIR can say; see
            :mod:`snn.neurons.lif`. The kernels know the first.
    """

    tau_mem: Positive = 10.0
    tau_syn: Positive = 5.0
    alpha: OpenUnit | None = None
    beta: OpenUnit | None = None
    learn_alpha: Learn = "fixed"
    learn_beta: Learn = "fixed"
    tau_mem_spread: NonNegative | None = None
    tau_syn_spread: NonNegative | None = None
    tau_distribution: TauDistribution | None = None
    threshold: Positive = 1.0
    initial_potential: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    reset: Reset = "zero"
    detach_reset: bool = True
    timing: Timing | None = None

    def decays(self, time_step: float) -> tuple[float, float]:
        """Decay per step of synaptic current and membrane potential."""
        return (
            decay_of("model.tau_syn", self.alpha, self.tau_syn, time_step),
            decay_of("model.tau_mem", self.beta, self.tau_mem, time_step),
        )

    def each(self, name: str, decay: float, units: int) -> float | Tensor:
        """The decay of a layer's neurons: a common one, or ``[unit]`` where taus are spread."""
        spread = self.tau_syn_spread if name == "alpha" else self.tau_mem_spread
        learn = self.learn_alpha if name == "alpha" else self.learn_beta
        if not spread:
            return decay
        if learn == "layer":
            allowed = "fixed or neuron, where taus are spread"
            raise ConfigError(f"model.learn_{name}", learn, allowed)
        return spread_decay(decay, spread, units, self.tau_distribution or "log_uniform")


@grouped
def recurrent_lif(
    *,
    data: DataSpec,
    optimizer: Callable,
    scheduler: Callable | None = None,
    neuron: LIFOptions,
    hidden: HiddenOptions,
    readout: ReadoutOptions,
    encoder: EncoderOptions,
    loss: LossOptions,
    penalty: RegularizerOptions,
    backend: Backend = "auto",
) -> SpikingClassifier:
    """Hidden layers of recurrent current-based LIF neurons with a leaky readout (thesis ch. 2-3).

    The readout has the hidden layers' time constants and the last one's weight scale unless it is
    given its own; ``leak_scaled_input`` means hidden layers and readout.

    Args:
        data: sizes and time step, from the data module.
        optimizer: from parameters to an optimizer.
        scheduler: from an optimizer to a learning-rate scheduler, stepped once per epoch.
        neuron: its fields are options.
        hidden: likewise.
        readout: likewise.
        encoder: likewise.
        loss: likewise.
        penalty: likewise.
        backend: ``einsum``, the kernels (``cpu`` or ``gpu``), or the fastest that works (``auto``).
    """
    syn, mem = neuron.decays(data.time_step)
    dynamics = LIFDynamics(
        threshold=neuron.threshold,
        scale=hidden.scale,
        surrogate=hidden.surrogate,
        reset=neuron.reset,
        detach_reset=neuron.detach_reset,
        leak_scaled_input=readout.leak_scaled_input,
        recurrence=hidden.recurrence,
        timing=neuron.timing or "late",
        initial_potential=neuron.initial_potential,
    )
    kind = CubaLIF(
        dynamics.threshold, dynamics.reset, dynamics.detach_reset, dynamics.leak_scaled_input
    )
    encoding = encoder.make(data, mem, hidden, neuron.threshold)

    learn = {"alpha": neuron.learn_alpha, "beta": neuron.learn_beta}
    declared = bool(hidden.delaying or hidden.normalize or hidden.bias)
    if declared and dynamics.timing == "prompt":
        allowed = "late with model.delays, model.bias or model.normalize"
        raise ConfigError("model.timing", "prompt", allowed)

    def layer(nb_inputs: int, units: int, options: HiddenOptions) -> HiddenLayer:
        of_layer = {"alpha": syn, "beta": mem}
        decays = {name: neuron.each(name, decay, units) for name, decay in of_layer.items()}
        if declared:  # the same neurons by their declaration, whose layers have all of these
            return NeuronLayer(
                nb_inputs,
                units,
                kind,
                initial={name: _tau(decay) for name, decay in decays.items()},
                learn=learn,
                start={"u": dynamics.initial_potential},
                **options.of_neurons(),
            )
        of_decays = {f"learn_{name}": value for name, value in learn.items()}
        return RecurrentLIF(
            nb_inputs, units, **decays, dynamics=dynamics, **of_decays, **options.of_lif()
        )

    layers, last = hidden.layers(encoding.nb_units if encoding else data.nb_units, layer)
    reads = readout.make(
        last,
        data,
        hidden.fan,
        syn=syn,
        mem=mem,
        weight_scale=hidden.of_each()[-1].weight_scale,
        timing=dynamics.timing,
    )
    return SpikingClassifier(
        network=SpikingNetwork(layers, reads, encoding, readout.logit_rule, backend),
        loss=loss.make(data),
        regularizer=penalty.make(),
        nb_classes=data.nb_classes,
        optimizer=optimizer,
        scheduler=scheduler,
    )


def _tau(decay: float | Tensor) -> float | Tensor:
    """A time constant in steps."""
    return -1.0 / (decay.double().log() if isinstance(decay, Tensor) else math.log(decay))
