"""One step of inference as a program of ``torch.export``: input and state in, output and state out.

Such a program needs neither this package nor the network's Python, and since each call takes one
step it can follow a stream of events for as long as it lasts.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from snn.errors import ExportError
from snn.network import NetworkState, SpikingNetwork
from snn.network.neuron_layer import NeuronLayer
from snn.neurons import EncoderState, LayerState, LIFState, ReadoutState


class Step(nn.Module):
    """One step of a network in evaluation mode.

    Args:
        network: may have an encoder; the input is then the signal's values.
    """

    def __init__(self, network: SpikingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, x: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The readout's potentials, the spikes of each hidden layer, and the next state.

        Args:
            x: input of this step, ``[batch, unit]`` (with an encoder ``[batch, channel]``).
            state: of the step before, or :func:`rest`.
        """
        trace = self.network.trace(x[:, None], _unflattened(state, self.network))
        spikes = tuple(layer[:, 0] for layer in trace.spikes)
        return trace.output[:, -1], spikes, _flattened(trace.state)


def rest(network: SpikingNetwork, batch: int = 1) -> tuple[Tensor, ...]:
    """The state that a sequence starts from.

    In this order: the encoder's potential and previous spikes, where there is one; current,
    potential and previous spikes of each hidden layer (of declared neurons their state variables
    and previous spikes, then, ``[batch, step, unit]``, what its delays hold back: the spikes that
    it sent itself, the latest first, and input that is under way, the earliest first); current and
    potential of the readout.
    """
    weight = network.readout.weight.detach()
    state = []
    if network.encoder is not None:
        state += [weight.new_zeros(batch, network.encoder.nb_units) for _ in EncoderState._fields]
    for layer in network.hidden:
        # as tensors of their own, so that a program does not take them for one and the same
        state += [part.clone() for part in _parts(layer.at_rest(batch))]
    state += [weight.new_zeros(batch, weight.shape[1]) for _ in ReadoutState._fields]
    return tuple(state)


def _require_spiking(network: nn.Module) -> None:
    if not isinstance(network, SpikingNetwork):
        raise ExportError(
            f"{type(network).__name__}: a step is exported of spiking networks of this package "
            "(snn.network.SpikingNetwork) alone"
        )


def export_step(network: SpikingNetwork) -> torch.export.ExportedProgram:
    """The program of one step, for batches of any size; save it with ``torch.export.save``.

    Args:
        network: on the device and in the dtype that the program shall have.

    Returns:
        A program called as :class:`Step` is.

    Raises:
        ExportError: the network trains: its dropout would be part of the program; or it is none of
            this package.
    """
    _require_spiking(network)
    if network.training:
        raise ExportError("a network in training mode is not exported: call network.eval()")
    state = rest(network, batch=2)
    weight = network.readout.weight
    inputs = _inputs(network)
    batch = torch.export.Dim("batch", min=1)
    with torch.no_grad():
        return torch.export.export(
            Step(network),
            (weight.new_zeros(2, inputs), state),
            dynamic_shapes=({0: batch}, tuple({0: batch} for _ in state)),
        )


def save_step(network: SpikingNetwork, path: str | Path) -> None:
    """Write the program of one step to a file, for ``torch.export.load(path).module()``.

    Raises:
        ExportError: the network trains, or the file cannot be written.
    """
    program = export_step(network)
    try:
        torch.export.save(program, str(path))
    except (OSError, RuntimeError) as error:
        raise ExportError(f"{path}: cannot be written ({error})") from None


def save_onnx(network: SpikingNetwork, path: str | Path) -> None:
    """Write one step as an ONNX model, whose inputs and outputs come in the order of :class:`Step`.

    Raises:
        ExportError: the network trains, a package is missing, or the file cannot be written.
    """
    program = export_step(network)
    try:
        torch.onnx.export(program, dynamo=True, verbose=False).save(str(path))
    except ImportError:
        raise ExportError(
            "the packages onnx and onnxscript are missing: pip install 'snn[export]'"
        ) from None
    except OSError as error:
        raise ExportError(f"{path}: cannot be written ({error})") from None


def _inputs(network: SpikingNetwork) -> int:
    if network.encoder is None:
        return network.hidden[0].weight.shape[0]
    return network.encoder.nb_channels


def _flattened(state: NetworkState) -> tuple[Tensor, ...]:
    encoder = () if state.encoder is None else tuple(state.encoder)
    return (*encoder, *(part for layer in state.hidden for part in _parts(layer)), *state.readout)


def _parts(state: LIFState | LayerState) -> tuple[Tensor, ...]:
    if isinstance(state, LIFState):
        return tuple(state)
    held = (part for part in (state.past, state.coming) if part is not None)
    return (*state.states.values(), state.sent, *held)


def _unflattened(state: tuple[Tensor, ...], network: SpikingNetwork) -> NetworkState:
    encoder = None
    if network.encoder is not None:
        encoder, state = EncoderState(*state[:2]), state[2:]
    layers = len(network.hidden)
    hidden: list[LIFState | LayerState] = []
    parts = iter(state[:-2])
    for layer in network.hidden:
        if isinstance(layer, NeuronLayer):
            states = {name: next(parts) for name in layer.neuron.states}
            sent = next(parts)
            past = None if layer.recurrent_delays is None else next(parts)
            coming = None if layer.input_delays is None else next(parts)
            hidden.append(LayerState(states, sent, past, coming))
        else:
            hidden.append(LIFState(*(next(parts) for _ in LIFState._fields)))
    return NetworkState(encoder, hidden, ReadoutState(*state[-2:]), [None] * layers)
