"""A graph of NIR as a network that can be used and trained on.

Read are graphs of ``Linear`` (or ``Affine`` without a bias), ``CubaLIF`` and, at the end, a
readout: ``CubaLI``, or ``CubaLIF`` with an infinite threshold. Each hidden layer may feed back to
itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import h5py
import numpy as np
import torch
from torch import Tensor

from snn.errors import ExportError
from snn.export.nir import DT, nir_package
from snn.network import SpikingNetwork
from snn.network.layers import LeakyReadout, Learn, RecurrentLIF
from snn.neurons import LOGIT_RULES, LIFDynamics

if TYPE_CHECKING:
    import nir

_NEURONS = ("CubaLIF", "CubaLI")
_WEIGHTS = ("Linear", "Affine")
_KNOWN = ("Input", "Output", *_WEIGHTS, *_NEURONS)


class _Stage(NamedTuple):
    """Neurons and what feeds them."""

    name: str
    weight: np.ndarray  # [unit, input], as NIR has it
    recurrent: np.ndarray | None


class _Euler(NamedTuple):
    """Neurons' parameters per step; each array ``[unit]``."""

    alpha: np.ndarray
    beta: np.ndarray
    gain: np.ndarray  # on the weights
    leak_scaled: bool


def load_nir(path: str | Path) -> nir.NIRGraph:
    """Read a graph from an HDF5 file.

    Raises:
        ExportError: there is no file, it is damaged, or a node of it is not known to NIR.
    """
    package = nir_package()
    if not Path(path).is_file():
        raise ExportError(f"{path}: no such file")
    try:
        return package.read(str(path))
    except Exception as error:  # nir says with whatever fails first that a file is not its own
        text = _unknown_nodes(path) or " ".join(str(error).split()) or type(error).__name__
        raise ExportError(
            f"{path}: not a graph that nir {package.version} reads ({text})"
        ) from None


def _unknown_nodes(path: str | Path) -> str | None:
    """Which nodes of a file have types that the package does not know; None if that is not it."""
    package = nir_package()
    try:
        with h5py.File(path) as file:
            kinds = {name: _text(node["type"][()]) for name, node in file["node/nodes"].items()}
    except (OSError, KeyError, TypeError, AttributeError):
        return None
    found = [f"node {name} is of type {k}" for name, k in kinds.items() if not hasattr(package, k)]
    return ", ".join(found) or None


def from_nir(
    graph: nir.NIRGraph,
    dt: float | None = None,
    *,
    scale: float = 10.0,
    surrogate: str = "fast_sigmoid",
    detach_reset: bool = False,
    learn: Learn = "fixed",
    logit_rule: str | None = None,
) -> SpikingNetwork:
    """The network of a graph, with ``timing="prompt"``.

    Args:
        graph: from :func:`load_nir`, :func:`snn.export.nir.to_nir` or the package ``nir``.
        dt: seconds per step; None takes that of the graph's metadata, else ``1e-4``.
        scale: steepness of the surrogate derivative, of which NIR knows nothing.
        surrogate: its shape.
        detach_reset: keep the reset out of the gradient.
        learn: whether time constants are ``fixed`` or learned for each ``neuron``.
        logit_rule: how the readout's trace becomes logits; None takes that of the graph's
            metadata, else ``max``.

    Raises:
        ExportError: the graph has nodes, parameters or connections that this network lacks.
    """
    metadata = graph.metadata if isinstance(graph.metadata, dict) else {}
    dt = float(metadata.get("dt", DT)) if dt is None else dt
    rule = _text(metadata.get("logit_rule", "max")) if logit_rule is None else logit_rule
    if rule not in LOGIT_RULES:
        raise ExportError(f"logit_rule={rule}: must be one of {', '.join(LOGIT_RULES)}")
    *stages, last = _stages(graph)
    hidden = []
    for stage in stages:
        node = graph.nodes[stage.name]
        euler = _euler(stage.name, node, dt)
        dynamics = LIFDynamics(
            threshold=float(_common(stage.name, "v_threshold", node.v_threshold)),
            scale=scale,
            surrogate=surrogate,
            detach_reset=detach_reset,
            leak_scaled_input=euler.leak_scaled,
            timing="prompt",
        )
        units, inputs = stage.weight.shape
        layer = RecurrentLIF(
            inputs,
            units,
            _alike(euler.alpha, learn),
            _alike(euler.beta, learn),
            dynamics,
            recurrent=stage.recurrent is not None,
            learn_alpha=learn,
            learn_beta=learn,
        )
        _fill(layer.weight, stage.weight, euler.gain)
        if stage.recurrent is not None:
            _fill(layer.recurrent_weight, stage.recurrent, euler.gain)
        hidden.append(layer)
    return SpikingNetwork(hidden, _readout(graph, last, dt), logit_rule=rule)


def _readout(graph: nir.NIRGraph, stage: _Stage, dt: float) -> LeakyReadout:
    euler = _euler(stage.name, graph.nodes[stage.name], dt)
    units, inputs = stage.weight.shape
    alpha, beta = (_common(stage.name, "a time constant", x) for x in (euler.alpha, euler.beta))
    readout = LeakyReadout(
        inputs, units, alpha, beta, leak_scaled_input=euler.leak_scaled, timing="prompt"
    )
    _fill(readout.weight, stage.weight, euler.gain)
    return readout


def _stages(graph: nir.NIRGraph) -> list[_Stage]:
    """The neurons from the input to the output, the readout last."""
    kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
    for name, kind in kinds.items():
        if kind not in _KNOWN:
            raise ExportError(f"node {name} is of type {kind}: only {', '.join(_KNOWN)} are read")
    if [*kinds.values()].count("Input") != 1 or [*kinds.values()].count("Output") != 1:
        raise ExportError("the graph needs exactly one Input and one Output")
    targets: dict[str, list[str]] = {name: [] for name in kinds}
    for source, target in dict.fromkeys(map(tuple, graph.edges)):
        if source not in kinds or target not in kinds:
            raise ExportError(f"edge {source} -> {target}: no such node")
        targets[source].append(target)

    stages: list[_Stage] = []
    here, read = next(name for name, kind in kinds.items() if kind == "Input"), 1
    while True:
        back = [n for n in targets[here] if targets[n] == [here] and kinds[n] in _WEIGHTS]
        onward = [n for n in targets[here] if n not in back]
        if back:
            if len(back) > 1:
                raise ExportError(f"node {here} feeds back to itself in more than one way")
            stages[-1] = stages[-1]._replace(recurrent=_weight(graph, back[0]))
            read += 1
        if len(onward) != 1:
            raise ExportError(f"node {here} has {len(onward)} targets: the layers must be a chain")
        following = onward[0]
        if kinds[following] == "Output":
            read += 1
            break
        _check_chain(here, following, kinds, targets, stages)
        here = targets[following][0]
        stages.append(_Stage(here, _weight(graph, following), None))
        read += 2
    if read != len(kinds):
        raise ExportError(f"{len(kinds) - read} nodes are not on the way from Input to Output")
    _check_readout(graph, stages, kinds)
    return stages


def _check_chain(
    here: str,
    following: str,
    kinds: dict[str, str],
    targets: dict[str, list[str]],
    stages: list[_Stage],
) -> None:
    """From neurons (or the input) through weights to other neurons."""
    if kinds[following] not in _WEIGHTS:
        raise ExportError(f"{here} -> {following}: only weights can follow there")
    after = targets[following]
    if len(after) != 1 or kinds[after[0]] not in _NEURONS:
        raise ExportError(f"node {following} must feed one layer of {' or '.join(_NEURONS)}")
    if after[0] in [stage.name for stage in stages]:
        raise ExportError(f"{following} -> {after[0]}: feeds back past its own layer")


def _check_readout(graph: nir.NIRGraph, stages: list[_Stage], kinds: dict[str, str]) -> None:
    if len(stages) < 2:
        raise ExportError("the graph needs a hidden layer and a readout")
    *hidden, last = (stage.name for stage in stages)
    for name in hidden:
        if kinds[name] != "CubaLIF":
            raise ExportError(f"node {name} is of type {kinds[name]}: hidden neurons must spike")
    spikes = kinds[last] == "CubaLIF" and np.isfinite(graph.nodes[last].v_threshold).any()
    if spikes or stages[-1].recurrent is not None:
        raise ExportError(
            f"node {last} is no leaky readout: CubaLI, or CubaLIF with an infinite threshold, "
            "not recurrent"
        )


def _weight(graph: nir.NIRGraph, name: str) -> np.ndarray:
    node = graph.nodes[name]
    if np.any(getattr(node, "bias", 0.0)):
        raise ExportError(f"node {name} has a bias, which layers here lack")
    if np.ndim(node.weight) != 2:
        raise ExportError(f"node {name}: weights must be [output, input]")
    return np.asarray(node.weight)


def _euler(name: str, node: Any, dt: float) -> _Euler:
    """Of each step; what is neither ``alpha`` nor ``beta`` becomes a factor of the weights."""
    if np.any(node.v_leak) or np.any(getattr(node, "v_reset", 0.0)):
        raise ExportError(f"node {name}: v_leak and v_reset must be 0")
    if not dt > 0:
        raise ExportError(f"dt={dt}: must be a number of seconds above 0")
    taus = [np.asarray(tau, np.float64) for tau in (node.tau_syn, node.tau_mem)]
    for tau in taus:
        if not np.all(np.isfinite(tau) & (tau > dt)):
            raise ExportError(f"node {name}: time constants must be longer than dt={dt:g}")
    syn, mem = (dt / tau for tau in taus)
    gain = np.asarray(node.w_in, np.float64) * syn
    leak_scaled = bool(np.allclose(node.r, 1.0, rtol=1e-6))
    if not leak_scaled:
        gain = gain * np.asarray(node.r, np.float64) * mem
    return _Euler(
        1.0 - syn, 1.0 - mem, np.where(np.isclose(gain, 1.0, 1e-12), 1.0, gain), leak_scaled
    )


def _common(name: str, what: str, values: np.ndarray) -> float:
    values = np.unique(values)
    if len(values) != 1:
        raise ExportError(f"node {name}: {what} must be the same for all neurons")
    return values.item()


def _alike(factors: np.ndarray, learn: Learn) -> float | Tensor:
    """One factor where all are alike and fixed: it is exact in every dtype."""
    if len(np.unique(factors)) == 1:
        return float(factors[0])
    if learn == "layer":
        raise ExportError("learn=layer: the neurons have time constants of their own")
    return torch.from_numpy(factors)


@torch.no_grad()
def _fill(weight: Tensor, array: np.ndarray, gain: np.ndarray) -> None:
    if array.T.shape != weight.shape:
        raise ExportError(f"weights of shape {array.shape}: expected {tuple(weight.shape[::-1])}")
    weight.copy_(torch.from_numpy(np.ascontiguousarray((array * gain[:, None]).T)))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
