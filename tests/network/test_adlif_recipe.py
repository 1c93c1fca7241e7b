"""The preset ``shd_adlif`` is the published network: its size, and its equations written out."""

from __future__ import annotations

import math
from functools import partial

import torch
from hydra.utils import instantiate
from torch import Tensor

from snn.network.neuron_layer import NeuronLayer
from snn.training.model_options import DataSpec
from snn.training.module import SpikingClassifier
from tests.commands import config_of

SHD = DataSpec(nb_units=140, nb_classes=20, time_step=1.0, analog=False, class_counts=(1,) * 20)


def preset(*overrides: str) -> SpikingClassifier:
    torch.manual_seed(0)
    model = config_of("experiment=shd_adlif", "model.backend=einsum", *overrides)["model"]
    return instantiate(model, _convert_="all")(
        data=SHD, optimizer=partial(torch.optim.Adam, lr=0.01)
    )


def test_its_size_is_the_published_one() -> None:
    """0.45 M of two layers of 360, 37.5 k of one of 128: arXiv:2509.24852, table 2."""
    for overrides, published in (((), 450e3), (("model.nb_hidden=128",), 37.5e3)):
        count = sum(p.numel() for p in preset(*overrides).parameters() if p.requires_grad)
        assert abs(count / published - 1) < 0.01


def layer_by_hand(layer: NeuronLayer, x: Tensor) -> Tensor:
    """Spikes of a layer: u and w of arXiv:2408.07517, with the new u and z in w."""
    tau_u, tau_w, a, b = (layer.parameter[k].value().detach() for k in ("alpha", "rho", "a", "b"))
    for low, values, high in ((5, tau_u, 25), (60, tau_w, 300), (0, a, 1), (0, b, 2)):
        assert low <= values.min() < values.max() <= high
    alpha, beta = torch.exp(-1 / tau_u), torch.exp(-1 / tau_w)
    u = w = z = x.new_zeros(x.shape[0], layer.nb_units)
    spikes = []
    for drive in (x @ layer.weight).unbind(1):
        current = drive + layer.bias + z @ layer.recurrent_weight
        u = alpha * u + (1 - alpha) * (current - w)
        z = (u > 1).to(x.dtype)
        u = u * (1 - z)
        w = beta * w + (1 - beta) * 120 * (a * u + b * z)
        spikes.append(z)
    return torch.stack(spikes, 1)


@torch.no_grad()
def test_its_equations_written_out() -> None:
    network = preset("model.nb_hidden=[24,24]").double().eval().network
    generator = torch.Generator().manual_seed(1)
    x = torch.poisson(torch.full((5, 60, 140), 0.5, dtype=torch.float64), generator=generator)
    spikes = x
    counts = []
    for layer in network.hidden:
        layer.bias.uniform_(0, 1)
        layer.weight.mul_(30)  # so that small layers spike
        spikes = layer_by_hand(layer, spikes)
        counts.append(spikes.sum(1))
    found = network(x)
    assert min(count.sum() for count in counts) > 50
    for expected, count in zip(counts, found.spike_counts, strict=True):
        assert torch.equal(expected, count)
    gamma, potential = math.exp(-1 / 15), x.new_zeros(5, 20)
    logits = potential.softmax(1) * 2  # at rest, until the first spike arrives
    for drive in (spikes[:, :-1] @ network.readout.weight).unbind(1):
        potential = gamma * potential + (1 - gamma) * drive
        logits = logits + potential.softmax(1)
    assert torch.allclose(found.logits, logits, atol=1e-3)


def test_weights_begin_as_published() -> None:
    first, second = preset().network.hidden
    for layer, inputs in ((first, 140), (second, 360)):
        limit = 1 / math.sqrt(inputs)
        assert 0.99 * limit < layer.weight.abs().max() <= limit
        recurrent = layer.recurrent_weight
        assert torch.allclose(recurrent @ recurrent.T, torch.eye(360), atol=1e-4)
        assert not layer.bias.any()
        assert (layer.surrogate, layer.scale, layer.neuron.detach_reset) == ("exponential", 5, True)
    spread = preset().network.readout.weight.std()
    assert abs(spread * math.sqrt(3 * 360) - 1) < 0.03  # as uniform between +-1 / sqrt(360)
