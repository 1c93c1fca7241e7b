"""The default network computes what SpyTorch's own code computed, in float64."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from snn.network import SpikingNetwork
from snn.network.layers import CurrentEncoder, LeakyReadout, RecurrentLIF
from snn.neurons import LIFDynamics, logits
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from tests.requirements import absent


def golden(name: str) -> dict[str, np.ndarray]:
    folder = os.environ.get("SNN_GOLDEN")
    if not folder or not (Path(folder) / name).is_file():
        absent("data", f"SNN_GOLDEN names no folder with {name}")
    with np.load(Path(folder) / name) as file:
        return dict(file)


def close(ours: Tensor | None, theirs: np.ndarray) -> None:
    assert ours is not None
    torch.testing.assert_close(
        ours.detach(), torch.as_tensor(theirs, dtype=torch.float64), rtol=1e-10, atol=1e-13
    )


def load(network: SpikingNetwork, weights: dict[str, np.ndarray]) -> SpikingNetwork:
    network = network.double()
    state = {name: torch.as_tensor(value) for name, value in weights.items()}
    network.load_state_dict(state)
    return network


@pytest.mark.parametrize("name", ["spytorch_recurrent_a.npz", "spytorch_recurrent_b.npz"])
def test_recurrent_network(name: str) -> None:
    g = golden(name)
    (inputs, hidden), classes = g["w1"].shape, g["w2"].shape[1]
    alpha, beta = float(g["alpha"]), float(g["beta"])
    layer = RecurrentLIF(inputs, hidden, alpha, beta, LIFDynamics(scale=float(g["scale"])))
    network = load(
        SpikingNetwork([layer], LeakyReadout(hidden, classes, alpha, beta)),
        {
            "hidden.0.weight": g["w1"],
            "hidden.0.recurrent_weight": g["v1"],
            "readout.weight": g["w2"],
        },
    )
    x, y = torch.as_tensor(g["x"]).double(), torch.as_tensor(g["y"])

    trace = network.trace(x)
    assert np.array_equal(trace.spikes[0].detach().numpy(), g["spk"])
    assert g["spk"].sum() > 0
    close(trace.potentials[0], g["mem"])
    close(trace.output, g["out"])

    output = network(x)
    close(output.logits, g["logits"])
    nll = ClassificationLoss("nll")(output.logits, y)
    close(nll, g["nll"])
    regularizer = SpikeRegularizer(float(g["reg_l1"]), "sum", float(g["reg_l2"]))
    loss = nll + regularizer(output.spike_counts)
    close(loss, g["loss"])
    loss.backward()
    close(layer.weight.grad, g["dw1"])
    close(layer.recurrent_weight.grad, g["dv1"])
    close(network.readout.weight.grad, g["dw2"])


def test_encoder_network() -> None:
    g = golden("spytorch_encoder.npz")
    channels = g["x"].shape[2]
    (inputs, hidden), classes = g["w1"].shape, g["w2"].shape[1]
    alpha, beta, scale = float(g["alpha"]), float(g["beta"]), float(g["scale"])
    dynamics = LIFDynamics(scale=scale, leak_scaled_input=True, initial_potential=-1e-3)
    encoder = CurrentEncoder(channels, inputs // channels, beta, scale=scale)
    layer = RecurrentLIF(inputs, hidden, alpha, beta, dynamics)
    readout = LeakyReadout(hidden, classes, alpha, beta, leak_scaled_input=True)
    network = load(
        SpikingNetwork([layer], readout, encoder),
        {
            "encoder.gain": g["enc_gain"],
            "encoder.bias": g["enc_bias"],
            "hidden.0.weight": g["w1"],
            "hidden.0.recurrent_weight": g["v1"],
            "readout.weight": g["w2"],
        },
    )
    x, y = torch.as_tensor(g["x"]), torch.as_tensor(g["y"])

    close(encoder(x)[1], g["enc"])
    trace = network.trace(x)
    assert np.array_equal(trace.spikes[0].detach().numpy(), g["spk"])
    assert g["spk"].sum() > 0
    close(trace.potentials[0], g["mem"])
    close(trace.output, g["out"])
    close(logits(trace.output), g["logits"])

    output = network(x)
    nll = ClassificationLoss("nll")(output.logits, y)
    close(nll, g["nll"])
    penalty = SpikeRegularizer(float(g["reg"]), "mean")(output.spike_counts)
    close(nll + penalty, g["loss"])
    nll.backward()  # the tutorial's regulariser has no gradient
    close(encoder.gain.grad, g["d_enc_gain"])
    close(encoder.bias.grad, g["d_enc_bias"])
    close(layer.weight.grad, g["d_w1"])
    close(layer.recurrent_weight.grad, g["d_v1"])
    close(readout.weight.grad, g["d_w2"])
