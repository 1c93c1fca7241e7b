"""Networks as graphs of NIR and back, and in the hands of two simulators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from snn.errors import ExportError
from snn.export.nir import differences, save_nir, to_nir
from snn.export.nir_import import from_nir, load_nir
from snn.network import SpikingNetwork
from snn.network.layers import CurrentEncoder
from tests.export.networks import ALPHA, BETA, INPUTS, UNITS, network, spikes
from tests.export.packages import package

DT = 1e-3
SHAPES = [(1, True, False), (1, True, True), (2, True, False), (2, False, True)]


@pytest.fixture(autouse=True)
def _nir() -> None:
    package("nir")


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize(("layers", "recurrent", "scaled"), SHAPES)
@torch.no_grad()
def test_there_and_back(
    tmp_path: Path, layers: int, recurrent: bool, scaled: bool, portable: bool
) -> None:
    ours, x = network(layers, recurrent, scaled), spikes()
    save_nir(to_nir(ours, DT, portable=portable), tmp_path / "net.nir")
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        back = from_nir(load_nir(tmp_path / "net.nir"))
    finally:
        torch.set_default_dtype(default)
    assert back.logit_rule == "last"
    a, b = ours.trace(x), back.trace(x)
    assert all(map(torch.equal, a.spikes, b.spikes))
    assert 0.02 < a.spikes[-1].mean() < 0.8
    torch.testing.assert_close(a.output, b.output, rtol=1e-10, atol=1e-10)


def test_a_graph_trains_on() -> None:
    back = from_nir(to_nir(network()), learn="neuron")
    x = spikes().float()
    back(x).logits.logsumexp(1).sum().backward()
    assert {name for name, p in back.named_parameters() if p.grad is not None} == {
        "hidden.0.weight",
        "hidden.0.recurrent_weight",
        "hidden.0.alpha.logit",
        "hidden.0.beta.logit",
        "readout.weight",
    }


@pytest.mark.parametrize("simulator", ["spikingjelly", "norse"])
@pytest.mark.parametrize(("layers", "recurrent", "scaled"), SHAPES)
@torch.no_grad()
def test_simulators_spike_alike(
    tmp_path: Path, simulator: str, layers: int, recurrent: bool, scaled: bool
) -> None:
    """Every spike of every step. Norse rounds its constants to float32, so the readout may differ
    by that; a potential within that of threshold, which none is here, could spike otherwise."""
    package(simulator)
    from benchmarks import nir_agreement

    ours, x, path = network(layers, recurrent, scaled), spikes(), tmp_path / "net.nir"
    save_nir(to_nir(ours, nir_agreement.DT, portable=True), path)
    module, potential = nir_agreement.SIMULATORS[simulator](path)
    theirs, trace = nir_agreement.run(module, potential, x, layers)
    here = ours.trace(x)
    for a, b in zip(here.spikes, theirs, strict=True):
        assert torch.equal(a, b)
        assert 0.02 < a.mean() < 0.8
    tolerance = 1e-10 if simulator == "spikingjelly" else 1e-5
    torch.testing.assert_close(trace, here.output, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("dynamics", "said"),
    [
        ({"reset": "subtract"}, "where the network subtracts threshold"),
        ({"initial_potential": -0.001}, "starts at 0, not at -0.001"),
        ({"timing": "late"}, "after 1 step instead of 3"),
        ({"timing": "late", "recurrence": "current"}, "after 1 step instead of 2"),
    ],
)
def test_what_nir_cannot_say_is_refused_or_allowed(dynamics: dict, said: str) -> None:
    ours = network(**dynamics)
    with pytest.raises(ExportError, match=said) as refusal:
        to_nir(ours)
    assert "\n" not in str(refusal.value)
    assert any(said in text for text in differences(ours))
    assert to_nir(ours, allow_difference=True).nodes.keys() >= {"hidden_0", "recurrent_0"}


def test_the_encoder_is_left_out() -> None:
    plain = network()
    encoder = CurrentEncoder(INPUTS // 4, 4, BETA)
    ours = SpikingNetwork(list(plain.hidden), plain.readout, encoder)
    with pytest.raises(ExportError, match="takes the encoder's spikes"):
        to_nir(ours)


@torch.no_grad()
def test_late_layers_without_spikes_are_prompt_ones_shifted() -> None:
    """Two steps for each layer: what :func:`differences` says of time."""
    late = network(timing="late", threshold=1e9, recurrent=False)
    x = spikes()
    prompt = from_nir(to_nir(late, allow_difference=True)).double()
    a, b = late.trace(x).potentials[0], prompt.trace(x).potentials[0]
    torch.testing.assert_close(a[:, 2:], b[:, :-2], rtol=1e-5, atol=1e-5)


def _graph(**changes: object):
    nir = package("nir")
    graph = to_nir(network())
    node = graph.nodes["hidden_0"]
    for key, value in changes.items():
        setattr(node, key, np.full(UNITS, value, float))
    return nir, graph


def test_graphs_that_are_not_read() -> None:
    cases = []
    nir, graph = _graph()
    graph.nodes["hidden_0"] = nir.LIF(*(np.ones(UNITS) for _ in range(4)))
    cases.append((graph, "node hidden_0 is of type LIF: only Input"))
    cases.append((_graph(v_reset=0.5)[1], "v_leak and v_reset must be 0"))
    cases.append((_graph(tau_mem=1e-5)[1], "longer than dt=0.0001"))
    nir, graph = _graph()
    graph.nodes["weight_0"] = nir.Affine(graph.nodes["weight_0"].weight, np.ones(UNITS))
    cases.append((graph, "node weight_0 has a bias"))
    _, graph = _graph()
    graph.edges.append(("hidden_0", "weight_0"))
    cases.append((graph, "feeds back to itself in more than one way"))
    _, graph = _graph()
    graph.nodes["readout"] = graph.nodes["hidden_0"]
    cases.append((graph, "no leaky readout"))
    _, graph = _graph()
    graph.metadata["logit_rule"] = "median"
    cases.append((graph, "logit_rule=median"))
    for graph, said in cases:
        with pytest.raises(ExportError, match=said) as refusal:
            from_nir(graph)
        assert "\n" not in str(refusal.value)


def test_files_that_are_not_read(tmp_path: Path) -> None:
    import h5py

    with pytest.raises(ExportError, match="no such file"):
        load_nir(tmp_path / "missing.nir")
    (tmp_path / "text.nir").write_text("not HDF5\n")
    with pytest.raises(ExportError, match="not a graph that nir"):
        load_nir(tmp_path / "text.nir")
    path = tmp_path / "unknown.nir"
    save_nir(to_nir(network()), path)
    with h5py.File(path, "a") as file:
        del file["node/nodes/hidden_0/type"]
        file["node/nodes/hidden_0/type"] = "Izhikevich"
    with pytest.raises(ExportError, match="Izhikevich") as refusal:
        load_nir(path)
    assert "\n" not in str(refusal.value)
    with pytest.raises(ExportError, match="cannot be written"):
        save_nir(to_nir(network()), tmp_path / "no" / "folder.nir")


def test_constants_are_those_of_an_euler_step() -> None:
    node = to_nir(network(), DT).nodes["hidden_0"]
    np.testing.assert_allclose(1 - DT / node.tau_syn, ALPHA, rtol=1e-14)
    np.testing.assert_allclose(1 - DT / node.tau_mem, BETA, rtol=1e-14)
    np.testing.assert_allclose(node.r * DT / node.tau_mem, 1.0, rtol=1e-14)
