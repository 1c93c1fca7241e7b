r"""A network as a graph of NIR, the Neuromorphic Intermediate Representation.

NIR (Pedersen et al. 2024, Nat. Commun. 15:8122) writes neurons as differential equations:

.. math::
    \tau_{syn}\,\dot I = -I + w_{in}\,S, \qquad \tau_{mem}\,\dot v = (v_{leak} - v) + r\,I

and, where :math:`v > v_{threshold}`, a spike and :math:`v \leftarrow v_{reset}`. Simulators take
Euler steps of a ``dt`` that is not part of the graph, each with the new current. That is the layer
of ``timing="prompt"`` (:mod:`snn.neurons.lif`) with

.. math::
    \tau_{syn} = \frac{dt}{1-\alpha}, \quad \tau_{mem} = \frac{dt}{1-\beta}, \quad
    w_{in} = \frac{\tau_{syn}}{dt}, \quad r = \frac{g\,\tau_{mem}}{dt}

whatever ``dt`` is, as long as the simulator is given the same.
"""

from __future__ import annotations

import importlib
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from snn.errors import ExportError
from snn.network import SpikingNetwork
from snn.network.hooks import bypassed
from snn.network.layers import Decay, LeakyReadout, RecurrentLIF
from snn.network.neuron_layer import NeuronLayer

if TYPE_CHECKING:
    import nir

DT = 1e-4
"""Seconds per step unless another is given; the default of SpikingJelly and snnTorch."""


def nir_package() -> ModuleType:
    """The package ``nir``.

    Raises:
        ExportError: it is not installed.
    """
    try:
        return importlib.import_module("nir")
    except ImportError:
        raise ExportError("the package nir is missing: pip install 'snn[export]'") from None


def differences(network: SpikingNetwork) -> list[str]:
    """What a graph in NIR would do otherwise than the network, one sentence each; [] for nothing.

    Raises:
        ExportError: the network is of another kind, so that nobody knows what it does.
    """
    _check_kind(network)
    found = []
    if network.encoder is not None:
        found.append(
            "the encoder of analog signals is left out: the graph takes the encoder's spikes"
        )
    for i, layer in enumerate(network.hidden):
        found += [f"hidden layer {i}: {text}" for text in _of_layer(layer)]
    if network.readout.timing == "late":
        found.append("readout: a spike acts on it one step earlier")
    return found


def _of_layer(layer: RecurrentLIF) -> list[str]:
    dynamics, found = layer.dynamics, []
    if dynamics.reset == "subtract":
        found.append("a spike sets the potential to zero, where the network subtracts threshold")
    if dynamics.initial_potential != 0:
        found.append(f"the potential starts at 0, not at {dynamics.initial_potential:g}")
    if dynamics.timing == "prompt":
        return found
    found.append("an input acts on the potential two steps earlier")
    if dynamics.reset == "zero":
        found.append("after a spike the current of one step counts, which the network loses")
    if layer.recurrent_weight is not None:
        steps = 3 if dynamics.recurrence == "previous" else 2
        found.append(f"a spike acts on its own layer after 1 step instead of {steps}")
    return found


def to_nir(
    network: SpikingNetwork,
    dt: float = DT,
    *,
    portable: bool = False,
    allow_difference: bool = False,
) -> nir.NIRGraph:
    """The graph of a network.

    Args:
        network: what it does while training alone (dropout, surrogate) is no part of the graph.
        dt: seconds per step that a simulator will be given.
        portable: write what importers of simulators want. They have no leaky integrator, so the
            readout is a neuron whose threshold is infinite: its membrane potential is the output.
            They want ``r = tau_mem / dt``, so a gain of ``1 - beta`` goes into the weights.
        allow_difference: export also what NIR cannot say exactly; ask :func:`differences`.

    Raises:
        ExportError: NIR cannot say it exactly and that is not allowed.
    """
    package = nir_package()
    if not isinstance(dt, Real) or not (np.isfinite(dt) and dt > 0):
        raise ExportError(f"dt={dt!r}: must be a number of seconds above 0")
    found = differences(network)
    if found and not allow_difference:
        raise ExportError(
            f"NIR cannot say this network exactly ({'; '.join(found)}); allow the difference "
            "(--allow-difference on the command line), or train with model.timing=prompt, "
            "model.reset=zero, model.initial_potential=0"
        )
    first, last = network.hidden[0], network.readout
    nodes = {"input": package.Input(np.array([first.weight.shape[0]]))}
    edges, previous = [], "input"
    for i, layer in enumerate(network.hidden):
        name, scale = f"hidden_{i}", _scale(layer, layer.dynamics.leak_scaled_input, portable)
        nodes[f"weight_{i}"] = _linear(package, layer.weight, scale)
        nodes[name] = _neurons(package, layer, dt, layer.dynamics.threshold, portable)
        edges += [(previous, f"weight_{i}"), (f"weight_{i}", name)]
        if layer.recurrent_weight is not None:
            nodes[f"recurrent_{i}"] = _linear(package, layer.recurrent_weight, scale)
            edges += [(name, f"recurrent_{i}"), (f"recurrent_{i}", name)]
        previous = name
    scale = _scale(last, last.leak_scaled_input, portable)
    nodes["weight_out"] = _linear(package, last.weight, scale)
    nodes["readout"] = _neurons(package, last, dt, np.inf if portable else None, portable)
    nodes["output"] = package.Output(np.array([last.weight.shape[1]]))
    edges += [(previous, "weight_out"), ("weight_out", "readout"), ("readout", "output")]
    # Simulators ignore it; a graph that comes back has its rule again.
    metadata = {"dt": dt, "logit_rule": network.logit_rule}
    return package.NIRGraph(nodes, edges, metadata)


def save_nir(graph: nir.NIRGraph, path: str | Path) -> None:
    """Write a graph to an HDF5 file.

    Raises:
        ExportError: the file cannot be written.
    """
    try:
        nir_package().write(str(path), graph)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written ({error})") from None


def _check_kind(network: nn.Module) -> None:
    stages = [(network, SpikingNetwork)]
    if isinstance(network, SpikingNetwork):
        for layer in network.hidden:
            if isinstance(layer, NeuronLayer):
                raise ExportError(f"NIR has no node for {type(layer.neuron).__name__} neurons")
        stages += [(layer, RecurrentLIF) for layer in network.hidden]
        stages.append((network.readout, LeakyReadout))
    for stage in stages:
        if reason := bypassed(*stage):
            raise ExportError(f"only plain networks can be exported: {reason}")
    dtype = network.readout.weight.dtype
    if dtype not in (torch.float32, torch.float64):
        raise ExportError(f"weights of {dtype}: NIR takes those of network.float()")


def _linear(package: ModuleType, weight: Tensor, scale: np.ndarray | float) -> nir.Linear:
    """Our ``[input, output]`` as NIR's ``[output, input]``."""
    array = weight.detach().cpu().numpy()
    return package.Linear(np.ascontiguousarray((array * np.asarray(scale, array.dtype)).T))


def _scale(layer: RecurrentLIF | LeakyReadout, scaled: bool, portable: bool) -> np.ndarray | float:
    return 1.0 - _factors(layer.beta, layer.weight.shape[1]) if scaled and portable else 1.0


def _neurons(
    package: ModuleType,
    layer: RecurrentLIF | LeakyReadout,
    dt: float,
    threshold: float | None,
    portable: bool,
) -> nir.CubaLIF | nir.CubaLI:
    """Neurons of a layer; those of the readout have no threshold, None."""
    units = layer.weight.shape[1]
    alpha, beta = _factors(layer.alpha, units), _factors(layer.beta, units)
    owner = layer.dynamics if isinstance(layer, RecurrentLIF) else layer
    ones = np.ones(units)
    parameters = {
        "tau_syn": dt / (1.0 - alpha),
        "tau_mem": dt / (1.0 - beta),
        "r": ones if owner.leak_scaled_input and not portable else 1.0 / (1.0 - beta),
        "w_in": 1.0 / (1.0 - alpha),
        "v_leak": np.zeros(units),
    }
    if threshold is None:
        return package.CubaLI(**parameters)
    return package.CubaLIF(**parameters, v_threshold=threshold * ones, v_reset=np.zeros(units))


def _factors(decay: Decay, units: int) -> np.ndarray:
    """Decay factors of all units, float64 ``[unit]``."""
    factor = decay()
    if isinstance(factor, Tensor):
        factor = factor.detach().double().cpu().numpy()
    return np.broadcast_to(np.asarray(factor, np.float64), (units,)).copy()
