"""A spiking network: encoder for analog input, hidden layers, leaky readout."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from snn import kernels
from snn.checks import checked
from snn.errors import ConfigError
from snn.events import EventBatch, EventStore
from snn.kernels import surrogates
from snn.network.hidden import HiddenLayer
from snn.network.hooks import bypassed
from snn.network.inputs import check_input, size_of
from snn.network.layers import CurrentEncoder, LeakyReadout, RecurrentLIF
from snn.network.neuron_layer import NeuronLayer
from snn.network.trace import NetworkOutput, NetworkState, Trace
from snn.neurons import LogitRule, logits

log = logging.getLogger(__name__)

Backend = Literal["auto", "einsum", "cpu", "gpu"]


@checked
class SpikingNetwork(nn.Module):
    """Hidden layers one after another between an optional encoder and a readout.

    Args:
        hidden: one or several layers; each one's ``nb_units`` is the next one's ``nb_inputs``.
        readout: turns the last layer's spikes into a trace per class.
        encoder: turns analog input into spikes; None for input that is spikes already.
        logit_rule: ``max``, ``mean``, ``last`` or ``sum_softmax`` over the readout's trace.
        backend: ``einsum`` is the reference in PyTorch operations, ``cpu`` and ``gpu`` the kernels
            with the same results; ``auto`` takes those of the network's device where they can be
            used. The kernels do not call the layers: where one has hooks or is of a subclass, they
            are not used.

    Weights are plain parameters, always ``[input, output]``: ``hidden[i].weight``,
    ``hidden[i].recurrent_weight``, ``readout.weight``, ``encoder.gain``, ``encoder.bias``.

    Raises:
        ConfigError: a layer has another number of inputs than the one before it has units.
    """

    def __init__(
        self,
        hidden: Annotated[Sequence[HiddenLayer] | nn.ModuleList, Field(min_length=1)],
        readout: LeakyReadout,
        encoder: CurrentEncoder | None = None,
        logit_rule: LogitRule = "max",
        backend: Backend = "auto",
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.hidden = nn.ModuleList(hidden)
        self.readout = readout
        self.logit_rule = logit_rule
        self.backend = backend
        self.last_backend: str | None = None
        """The backend that was used last."""
        self._last_reason: str | None = None
        self._check_sizes()

    def _check_sizes(self) -> None:
        sent = None if self.encoder is None else self.encoder.nb_units
        parts = [(f"hidden[{i}]", layer) for i, layer in enumerate(self.hidden)]
        for name, part in [*parts, ("readout", self.readout)]:
            weight = getattr(part, "weight", None)
            plain = isinstance(weight, Tensor) and weight.ndim == 2  # not so of every subclass
            if plain and sent is not None and len(weight) != sent:
                allowed = f"{sent}, the number of units before it"
                raise ConfigError(f"{name}.nb_inputs", len(weight), allowed)
            sent = getattr(part, "nb_units", None)

    def _check_input(self, x: Tensor | EventBatch | EventStore) -> None:
        first = self.hidden[0] if self.encoder is None else self.encoder
        weight = getattr(first, "weight", None)
        inputs = getattr(first, "nb_channels", None)
        if isinstance(weight, Tensor) and weight.ndim == 2:  # not so of every subclass
            inputs = len(weight)
        check_input(x, inputs)

    def forward(self, x: Tensor | EventBatch | EventStore) -> NetworkOutput:
        """Classify a batch.

        Args:
            x: events, spike counts ``[batch, step, unit]``, or analog ``[batch, step, channel]``
                if the network has an encoder.

        Raises:
            ValueError, TypeError: the input is of another shape or kind.
        """
        output, counts = self.readout_trace(x)
        return NetworkOutput(logits(output, self.logit_rule), counts)

    def readout_trace(self, x: Tensor | EventBatch | EventStore) -> tuple[Tensor, list[Tensor]]:
        """What logits are made of, by the backend that :meth:`forward` uses.

        Returns:
            Readout potentials ``[batch, step + 1, class]``, and the spike counts ``[batch, unit]``
            of each hidden layer.
        """
        backend = self.backend_for(x)
        if backend != "einsum" and self.one_call:
            return kernels.network(x, **self.kernel_arguments(x), backend=backend)
        if backend != "einsum":
            return self._layer_by_layer(x, backend)
        trace = self.trace(x)
        # half precision has no odd numbers above 256, and a sum over time may exceed it
        dtype = torch.promote_types(trace.output.dtype, torch.float32)
        return trace.output, [spikes.sum(1, dtype=dtype) for spikes in trace.spikes]

    @property
    def one_call(self) -> bool:
        """Whether the kernels take the whole network at once: no layer has delays on its way in, or
        weights that depend on what an earlier one sends."""
        later = self.hidden if self.encoder is not None else self.hidden[1:]
        delayed_any = any(layer.delays_input for layer in self.hidden)
        return not (delayed_any or any(layer.reads_input for layer in later))

    def _layer_by_layer(
        self, x: Tensor | EventBatch | EventStore, backend: str
    ) -> tuple[Tensor, list[Tensor]]:
        """:meth:`readout_trace` on the kernels, where something comes between two layers."""
        readout, encoder = self._readout_and_encoder()
        if encoder is not None:
            x = kernels.encoder_layer(x, encoder, backend=backend)
        counts = []
        for i, layer in enumerate(self.hidden):
            if (taps := layer.input_taps()) is not None:
                x = kernels.delayed(x, taps, backend=backend)
            given = layer.kernel_parameters(layer.draw_mask(*size_of(x)), x)
            if i + 1 < len(self.hidden):
                x, of_layer = kernels.neuron_layer(x, given, backend=backend)
                counts.append(of_layer)
        output, last = kernels.network(x, [given], readout, backend=backend)
        return output, [*counts, *last]

    def backend_for(self, x: Tensor | EventBatch | EventStore) -> str:
        """The backend of a forward pass, logged with the reason when either changes.

        Raises:
            ConfigError: the backend was named and cannot be used here.
            ValueError, TypeError: the input is none of this network's.
        """
        self._check_input(x)
        chosen, reason = "einsum", "as configured"
        if self.backend != "einsum":
            weight = self.readout.weight
            named = "gpu" if weight.is_cuda else "cpu"
            named = named if self.backend == "auto" else self.backend
            obstacle = kernels.obstacle(x, weight.dtype, weight.device, named)
            obstacle = obstacle or self._bypassed() or self._without_kernel(named)
            if not obstacle:
                reason = kernels.description(named, [layer.nb_units for layer in self.hidden])
            if obstacle and self.backend != "auto":
                raise ConfigError("model.backend", self.backend, f"auto or einsum: {obstacle}")
            chosen, reason = ("einsum", obstacle) if obstacle else (named, reason)
        if (chosen, reason) != (self.last_backend, self._last_reason):
            log.info("backend %s: %s", chosen, reason)
            self.last_backend, self._last_reason = chosen, reason
        return chosen

    def _bypassed(self) -> str | None:
        """What the kernels would leave out, since they do not call the layers; None if nothing."""
        if type(self).trace is not SpikingNetwork.trace:
            return f"{type(self).__name__} has a trace of its own"
        stages = [(layer, _class_of(layer)) for layer in self.hidden]
        stages.append((self.readout, LeakyReadout))
        if self.encoder is not None:
            stages.append((self.encoder, CurrentEncoder))
        return next(filter(None, (bypassed(*stage) for stage in stages)), None)

    def _without_kernel(self, backend: str) -> str | None:
        """What only the reference has, a surrogate or a timing; None if the kernels have all."""
        if self.readout.timing == "prompt":
            return "the kernels do not know timing=prompt"
        names = [layer.surrogate for layer in self.hidden]
        if self.encoder is not None:
            names.append(self.encoder.surrogate)
        of_layers = (layer.without_kernel(backend) for layer in self.hidden)
        return next(filter(None, of_layers), None) or surrogates.obstacle(names)

    def kernel_arguments(self, x: Tensor | EventBatch | EventStore) -> dict[str, Any]:
        """The parameters as the kernels take them; draws the dropout masks."""
        layers = [
            layer.kernel_parameters(layer.draw_mask(*size_of(x)), None if i else x)
            for i, layer in enumerate(self.hidden)
        ]
        readout, encoder = self._readout_and_encoder()
        return {"layers": layers, "readout": readout, "encoder": encoder}

    def _readout_and_encoder(
        self,
    ) -> tuple[kernels.ReadoutParameters, kernels.EncoderParameters | None]:
        r, e = self.readout, self.encoder
        readout = kernels.ReadoutParameters(r.weight, r.alpha(), r.beta(), r.leak_scaled_input)
        if e is None:
            return readout, None
        encoder = e.gain, e.bias, e.beta(), e.threshold, e.scale, e.surrogate
        return readout, kernels.EncoderParameters(*encoder)

    def trace(
        self, x: Tensor | EventBatch | EventStore, state: NetworkState | None = None
    ) -> Trace:
        """Run the network and keep everything.

        Args:
            x: as in :meth:`forward`; or one chunk of a longer sequence.
            state: ``trace.state`` of the chunk before; None starts from rest.

        Returns:
            The trace. A sequence run in chunks gives the same spikes, potentials and outputs as
            in one piece; only the readout's trace repeats the chunk boundary as its first entry.
        """
        self._check_input(x)
        dtype = self.readout.weight.dtype
        x = x.to(dtype) if isinstance(x, Tensor) else x.to_dense(dtype)
        encoder_state, encoder_potentials = state.encoder if state else None, None
        if self.encoder is not None:
            x, encoder_potentials, encoder_state = self.encoder(x, encoder_state)
        masks = [
            state.masks[i]
            if state and state.masks[i] is not None
            else layer.draw_mask(*x.shape[:2])
            for i, layer in enumerate(self.hidden)
        ]
        sent, runs = x, []
        for i, layer in enumerate(self.hidden):
            ran = layer.run(sent, state.hidden[i] if state else None, masks[i])
            runs.append(ran)
            sent = ran.spikes if masks[i] is None else ran.spikes * masks[i]
        kept, recorder = _recorder(self.readout, LeakyReadout)
        output, readout_state = self.readout(sent, state.readout if state else None, **recorder)
        held = [
            mask if layer.dropout_mask == "sample" else None
            for layer, mask in zip(self.hidden, masks, strict=True)
        ]
        end = NetworkState(encoder_state, [ran.state for ran in runs], readout_state, held)
        return Trace(
            x,
            [ran.spikes for ran in runs],
            [ran.potentials for ran in runs],
            output,
            end,
            [ran.states.get("i") for ran in runs],
            torch.stack(kept, 1) if kept else None,
            encoder_potentials,
            [ran.states for ran in runs],
        )

    def keep_in_range(self) -> None:
        """Brings parameters back into their ranges, after a step of the optimizer."""
        for layer in self.hidden:
            layer.keep_in_range()

    def set_progress(self, share: float) -> None:
        """How much of the training is over, 0 to 1: delays sharpen with it."""
        for layer in self.hidden:
            layer.set_progress(share)


def _class_of(layer: nn.Module) -> type[nn.Module]:
    """The class of this package whose computation a layer should have."""
    return NeuronLayer if isinstance(layer, NeuronLayer) else RecurrentLIF


def _recorder(layer: nn.Module, kind: type[nn.Module]) -> tuple[list[Tensor], dict[str, Any]]:
    """A list for a layer's currents, and the argument that fills it, if its forward takes one."""
    kept: list[Tensor] = []
    takes_one = type(layer).forward is kind.forward and "forward" not in layer.__dict__
    return kept, {"currents": kept} if takes_one else {}
