"""A layer of declared neurons (:mod:`snn.neurons.layer`)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from snn.checks import Count, NonNegative, Positive, checked
from snn.errors import ConfigError
from snn.events import EventBatch, EventStore
from snn.kernels import NeuronParameters, neuron_obstacle
from snn.network.delays import DelayOptions, Delays
from snn.network.hidden import DropoutMask, HiddenLayer, LayerRun
from snn.network.initial import Dropout, Fan, Spread, recurrent_matrix, weight_matrix
from snn.network.neuron_parameter import NeuronParameter
from snn.network.normalization import DriveNormalization, Normalize
from snn.neurons import LayerState, Neuron, neuron_layer
from snn.neurons.declaration.program import program
from snn.neurons.delays import delayed
from snn.neurons.lif import Recurrence
from snn.neurons.surrogate import AnySurrogate


@checked
class NeuronLayer(HiddenLayer):
    """A layer of declared neurons (:func:`snn.neurons.neuron_layer`).

    Args:
        nb_inputs: size of the input.
        nb_units: number of neurons.
        neuron: what they are.
        time_step: milliseconds per step.
        initial: by the names of parameters, values that differ from the declaration: a number, or
            the limits between which each neuron draws its own, or a tensor ``[unit]``.
        learn: by the names of parameters, ``fixed``, ``layer`` or ``neuron`` where it differs.
        start: values of states at rest that differ from the declaration.
        recurrent: with recurrent weights, or feed-forward only.
        self_recurrence: whether a neuron's spikes come back to itself.
        bias: with a learned bias of the drive, which starts at 0.
        normalize: ``batch``: the drive from the input is normalised over each batch, which gives
            it a bias too (:mod:`snn.network.normalization`); None: it is not.
        recurrence: recurrent drive from the ``previous`` or the ``current`` step.
        surrogate: shape of the surrogate derivative.
        scale: its steepness.
        weight_scale: standard deviation of ``weight`` times sqrt(fan); of a uniform distribution
            its limit times sqrt(fan).
        weight_spread: ``normal`` or ``uniform``.
        recurrent_weight_scale: the same of ``recurrent_weight``; of an orthogonal matrix a factor.
        recurrent_spread: ``normal``, ``uniform`` or ``orthogonal``.
        fan: which fan divides.
        delays: of recurrent connections and on the way in; None for none.
        dropout: probability that a spike does not reach the layer's targets.
        dropout_mask: one mask per ``sample``, held over time, or one per ``step``.

    In a training loop of one's own, call :meth:`keep_in_range` after each step of the optimizer,
    and with delays :meth:`set_progress` before each epoch; those of the network reach all layers.

    Raises:
        ConfigError: a value that the declaration does not allow.
        DeclarationError: the neuron is not declared as it must be.
    """

    def __init__(
        self,
        nb_inputs: Count,
        nb_units: Count,
        neuron: Neuron,
        time_step: Positive = 1.0,
        *,
        initial: Mapping[str, Any] | None = None,
        learn: Mapping[str, Any] | None = None,
        start: Mapping[str, float] | None = None,
        recurrent: bool = True,
        self_recurrence: bool = True,
        bias: bool = False,
        normalize: Normalize | None = None,
        recurrence: Recurrence = "previous",
        surrogate: AnySurrogate = "fast_sigmoid",
        scale: Positive = 100.0,
        weight_scale: NonNegative = 0.2,
        weight_spread: Literal["normal", "uniform"] = "normal",
        recurrent_weight_scale: NonNegative = 0.2,
        recurrent_spread: Spread = "normal",
        fan: Fan = "in",
        delays: DelayOptions | None = None,
        dropout: Dropout = 0.0,
        dropout_mask: DropoutMask = "sample",
    ) -> None:
        super().__init__()
        self.nb_units, self.neuron, self.scale = nb_units, neuron, scale
        self._surrogate, self._recurrence = surrogate, recurrence
        self.dropout, self.dropout_mask = dropout, dropout_mask
        self.self_recurrence = self_recurrence
        latency = program(neuron).latency
        if recurrence == "current" and recurrent and not latency:
            allowed = f"previous: a drive of {type(neuron).__name__} acts in its own step"
            raise ConfigError("recurrence", recurrence, allowed)
        if bias and normalize:
            raise ConfigError("bias", bias, "false with normalize, which has a bias of its own")
        known = {"initial": neuron.parameters, "learn": neuron.parameters, "start": neuron.states}
        for key, given in (("initial", initial), ("learn", learn), ("start", start)):
            if unknown := sorted(set(given or {}) - set(known[key])):
                allowed = f"left out: {type(neuron).__name__} has only {', '.join(known[key])}"
                raise ConfigError(f"{key}.{unknown[0]}", given[unknown[0]], allowed)
        self.weight = weight_matrix(nb_inputs, nb_units, weight_scale, fan, weight_spread)
        self.recurrent_weight = (
            recurrent_matrix(nb_units, recurrent_weight_scale, fan, recurrent_spread)
            if recurrent
            else None
        )
        self.bias = nn.Parameter(torch.zeros(nb_units)) if bias else None
        self.normalization = DriveNormalization(nb_units) if normalize else None
        self.start = dict(start or {})
        delays = delays or DelayOptions()
        self.input_delays = delays.make("input", nb_inputs)
        self.recurrent_delays = delays.make("recurrent", nb_units)
        if self.recurrent_delays is not None and (not recurrent or recurrence == "current"):
            allowed = "null, where there are no recurrent weights or recurrence=current"
            raise ConfigError("delays.recurrent", delays.recurrent, allowed)
        self.parameter = nn.ModuleDict(
            {
                name: NeuronParameter(
                    name, p, nb_units, time_step, (initial or {}).get(name), (learn or {}).get(name)
                )
                for name, p in neuron.parameters.items()
            }
        )

    @property
    def threshold(self) -> float:
        return self.neuron.threshold

    @property
    def surrogate(self) -> str:
        return self._surrogate

    @property
    def recurrence(self) -> Recurrence:
        return self._recurrence

    def values(self) -> dict[str, Tensor | float]:
        """What the neuron's step gets for each parameter."""
        return {name: parameter() for name, parameter in self.parameter.items()}

    def forward(
        self,
        x: Tensor,
        state: LayerState | None = None,
        mask: Tensor | None = None,
        record: dict[str, list[Tensor]] | None = None,
    ) -> tuple[Tensor, Tensor, LayerState]:
        """Spikes and compared potentials ``[batch, step, unit]`` and the final state."""
        taps, coming = self.input_taps(), None
        if taps is not None:
            x, coming = delayed(x, taps, state.coming if state else None)
        weight, bias = self.input_weights(x, plain=True)
        spikes, potentials, end = neuron_layer(
            x,
            weight,
            self.recurrent_matrix(),
            self.neuron,
            self.values(),
            bias=bias,
            surrogate=self.surrogate,
            scale=self.scale,
            recurrence=self.recurrence,
            state=state,
            mask=mask,
            start=self.start,
            record=record,
            taps=self.recurrent_taps(),
        )
        return spikes, potentials, end._replace(coming=coming)

    def input_weights(
        self, x: Tensor | EventBatch | EventStore | None, *, plain: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Weights ``[input, unit]`` and bias ``[unit]`` of the drive that act on an input."""
        if self.normalization is None:
            return self.weight, self.bias
        return self.normalization(self.weight, x, plain=plain)

    @property
    def reads_input(self) -> bool:
        return self.normalization is not None and self.training

    @property
    def delays_input(self) -> bool:
        return self.input_delays is not None

    def input_taps(self) -> Tensor | None:
        return None if self.input_delays is None else self.input_delays()

    def recurrent_taps(self) -> Tensor | None:
        """Delays of the recurrent connections, ``[tap, unit]``."""
        return None if self.recurrent_delays is None else self.recurrent_delays()

    def set_progress(self, share: float) -> None:
        for delays in self.delays():
            delays.set_progress(share)

    def delays(self) -> list[Delays]:
        """All that the layer has."""
        return [d for d in (self.input_delays, self.recurrent_delays) if d is not None]

    def run(self, x: Tensor, state: LayerState | None, mask: Tensor | None) -> LayerRun:
        record: dict[str, list[Tensor]] = {name: [] for name in self.neuron.states}
        own = type(self).forward is NeuronLayer.forward and "forward" not in self.__dict__
        spikes, potentials, end = self(x, state, mask, *([record] if own else []))
        states = {name: torch.stack(kept, 1) for name, kept in record.items() if kept}
        return LayerRun(spikes, potentials, end, states)

    def kernel_parameters(
        self, mask: Tensor | None, x: Tensor | EventBatch | EventStore | None = None
    ) -> NeuronParameters:
        weight, bias = self.input_weights(x)
        return NeuronParameters(
            weight,
            self.recurrent_matrix(),
            self.neuron,
            self.values(),
            bias,
            self.surrogate,
            self.scale,
            self.recurrence,
            mask,
            self.start,
            taps=self.recurrent_taps(),
        )

    def without_kernel(self, backend: str) -> str | None:
        bias = self.bias is not None or self.normalization is not None
        return neuron_obstacle(backend, self.neuron, self.nb_units, bias=bias)

    def settings(self) -> Hashable:
        numbers = tuple((n, p.number) for n, p in self.parameter.items())
        rule = self.surrogate, self.scale, self.recurrence, self.self_recurrence
        delays = tuple((d.options, d.extra, d.training) for d in self.delays())
        return self.neuron, rule, numbers, delays

    def at_rest(self, batch: int) -> LayerState:
        weight = self.weight.detach()
        rest = LayerState.rest(self.neuron, batch, self.nb_units, weight, self.start)
        if (taps := self.recurrent_taps()) is not None:
            rest = rest._replace(past=weight.new_zeros(batch, *taps.shape))
        if (taps := self.input_taps()) is not None:
            rest = rest._replace(coming=weight.new_zeros(batch, len(taps) - 1, taps.shape[1]))
        return rest

    def keep_in_range(self) -> None:
        for part in (*self.parameter.values(), *self.delays()):
            part.keep_in_range()
