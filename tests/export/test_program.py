"""One step as a program: the same spikes as the network, step by step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from snn.cli.main import main
from snn.errors import ExportError
from snn.export.program import export_step, rest, save_onnx, save_step
from snn.network import SpikingNetwork
from snn.network.delays import DelayOptions
from snn.network.layers import CurrentEncoder, LeakyReadout
from snn.network.neuron_layer import NeuronLayer
from snn.neurons import CubaLIF
from tests.export.networks import BETA, CLASSES, INPUTS, UNITS, network, spikes
from tests.export.packages import package


def _delayed() -> SpikingNetwork:
    """Two layers; delays between the neurons of the first, and on the way into both."""
    delays = {"input": [3.0, 6.0], "most": 8}
    first = NeuronLayer(
        INPUTS,
        UNITS,
        CubaLIF(),
        weight_scale=3.0,
        recurrent_weight_scale=2.0,
        delays=DelayOptions(recurrent=[2.0, 6.0], **delays),
    )
    second = NeuronLayer(UNITS, 20, CubaLIF(), weight_scale=3.0, delays=DelayOptions(**delays))
    return SpikingNetwork([first, second], LeakyReadout(20, CLASSES, BETA, BETA)).double().eval()


def _with_encoder() -> SpikingNetwork:
    plain = network()
    return (
        SpikingNetwork(list(plain.hidden), plain.readout, CurrentEncoder(INPUTS // 4, 4, BETA))
        .double()
        .eval()
    )


def _network(kind: str) -> SpikingNetwork:
    made = {"encoder": _with_encoder, "delays": _delayed}
    return made[kind]() if kind in made else network(2, timing=kind)


@pytest.mark.parametrize("kind", ["prompt", "late", "encoder", "delays"])
@torch.no_grad()
def test_a_saved_program_follows_the_network(tmp_path: Path, kind: str) -> None:
    ours = _network(kind)
    x = torch.randn(3, 50, INPUTS // 4).double() * 3 if kind == "encoder" else spikes(3)
    save_step(ours, tmp_path / "step.pt2")
    step = torch.export.load(tmp_path / "step.pt2").module()
    expected, state = ours.trace(x), rest(ours, 3)
    for t in range(x.shape[1]):
        output, sent, state = step(x[:, t], state)
        torch.testing.assert_close(output, expected.output[:, t + 1], rtol=1e-12, atol=1e-12)
        assert all(torch.equal(s, e[:, t]) for s, e in zip(sent, expected.spikes, strict=True))
    assert expected.spikes[-1].mean() > 0.01


@pytest.mark.parametrize("kind", ["prompt", "delays"])
@torch.no_grad()
def test_onnxruntime_gives_the_same_spikes(tmp_path: Path, kind: str) -> None:
    package("onnxscript")
    runtime = package("onnxruntime")
    ours, x = _network(kind).float(), spikes(3).float()
    save_onnx(ours, tmp_path / "step.onnx")
    session = runtime.InferenceSession(str(tmp_path / "step.onnx"))
    names = [given.name for given in session.get_inputs()]
    expected = ours.trace(x)
    state = [part.numpy() for part in rest(ours, 3)]
    for t in range(x.shape[1]):
        feed = dict(zip(names, [x[:, t].numpy(), *state], strict=True))
        _, *rest_of = session.run(None, feed)
        sent, state = rest_of[:2], rest_of[2:]
        for s, e in zip(sent, expected.spikes, strict=True):
            assert np.array_equal(s, e[:, t].numpy())


def test_a_network_in_training_is_refused() -> None:
    with pytest.raises(ExportError, match="in training mode"):
        export_step(network().train())


def test_command(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(finished), str(tmp_path / "step.pt2")]) == 0
    assert (tmp_path / "step.pt2").is_file()
    assert main(["export", str(finished), str(tmp_path / "net.txt")]) == 1
    assert "must end in .nir, .pt2, .onnx" in capsys.readouterr().err
    package("nir")
    net = str(tmp_path / "net.nir")
    assert main(["export", str(finished), net]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: NIR cannot say")
    assert error.count("\n") == 1
    assert main(["export", str(finished), net, "--allow-difference", "--portable"]) == 0
    assert "difference: hidden layer 0: after a spike" in capsys.readouterr().out
    assert main(["export", str(finished), str(tmp_path / "a.pt2"), "--dt", "1e-3"]) == 1


def test_a_network_of_another_kind_is_refused_in_words(tmp_path: Path) -> None:
    for save in (save_step, save_onnx):
        with pytest.raises(ExportError, match="Linear: a step is exported of spiking networks"):
            save(torch.nn.Linear(2, 3).eval(), tmp_path / "step.pt2")
