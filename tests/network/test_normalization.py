"""Batch normalisation of the drive: PyTorch's own, folded into weights and a bias."""

import pytest
import torch
from torch import nn

from snn.errors import ConfigError
from snn.events import EventBatch, EventStore
from snn.network import SpikingNetwork
from snn.network.layers import CurrentEncoder, LeakyReadout
from snn.network.neuron_layer import NeuronLayer
from snn.network.normalization import SPARSE, DriveNormalization, drive_moments
from snn.neurons import CubaLIF, RadLIF, SEAdLIF
from tests.requirements import needs


def events_of(counts: torch.Tensor) -> EventStore:
    """Spike counts ``[batch, step, unit]`` as events."""
    times = counts.flatten().long()
    place = torch.arange(times.numel()).repeat_interleave(times).numpy()
    batch, steps, units = counts.shape
    sample, rest = divmod(place, steps * units)
    return EventStore.from_events(
        sample, *divmod(rest, units), nb_samples=batch, nb_steps=steps, nb_units=units
    )


def counts_of(density: float, batch: int = 5, steps: int = 7, units: int = 9) -> torch.Tensor:
    torch.manual_seed(3)
    return torch.poisson(torch.full((batch, steps, units), density, dtype=torch.float64))


@pytest.mark.parametrize("density", [0.5, SPARSE / 2, 0.0])
@pytest.mark.parametrize("kind", ["dense", "events", "batch", "with gradient"])
def test_the_folded_drive_is_that_of_pytorch(kind, density):
    counts = counts_of(density, batch=30)
    x = counts
    if kind == "with gradient":
        x = counts.clone().requires_grad_()
    elif kind != "dense":
        x = events_of(counts)
        x = EventBatch(x, torch.arange(30)) if kind == "batch" else x
    weight = torch.randn(9, 4, dtype=torch.float64, requires_grad=True)
    ours = DriveNormalization(4).double()
    theirs = nn.BatchNorm1d(4, momentum=0.05).double()
    with torch.no_grad():
        for a, b in ((ours.gain, theirs.weight), (ours.bias, theirs.bias)):
            a.uniform_(0.5, 2.0)
            b.copy_(a)
    folded, bias = ours(weight, x)
    drive = (counts @ folded + bias).flatten(0, 1)
    wanted_of = counts.clone().requires_grad_() if kind == "with gradient" else counts
    wanted = theirs((wanted_of @ weight).flatten(0, 1))
    assert torch.allclose(drive, wanted, atol=1e-10)
    pull = torch.randn_like(drive)
    # without events every drive is the mean, and what is left of gradients is rounding
    limit = {"atol": 1e-9 if density else 1e-6}
    found = torch.autograd.grad((drive * pull).sum(), [weight, ours.gain, ours.bias])
    right = torch.autograd.grad((wanted * pull).sum(), [weight, theirs.weight, theirs.bias])
    for a, b in zip(found, right, strict=True):
        assert torch.allclose(a, b, **limit)
    assert torch.allclose(ours.mean, theirs.running_mean)
    assert torch.allclose(ours.variance, theirs.running_var)
    ours.eval()
    theirs.eval()
    folded, bias = ours(weight, None)
    assert torch.allclose(
        (counts @ folded + bias).flatten(0, 1), theirs(counts.flatten(0, 1) @ weight)
    )


def test_moments_have_gradients_of_an_input_that_wants_them():
    x = counts_of(0.5).requires_grad_()
    weight = torch.randn(9, 4, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(drive_moments, (x, weight))


def test_the_reference_has_second_derivatives_and_the_kernels_own_says_it_has_none():
    torch.manual_seed(2)
    layer = NeuronLayer(9, 4, CubaLIF(), normalize="batch", scale=2.0, weight_scale=3.0).double()
    x = counts_of(0.3)

    def second(x: torch.Tensor) -> torch.Tensor:
        spikes, _, _ = layer(x)
        (first,) = torch.autograd.grad(spikes.square().sum(), layer.weight, create_graph=True)
        return torch.autograd.grad(first.square().sum(), layer.weight)[0]

    assert torch.equal(second(x), second(x.clone().requires_grad_()))
    mean, _ = drive_moments(x, layer.weight)
    (first,) = torch.autograd.grad(mean.square().sum(), layer.weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@pytest.mark.parametrize("backend", ["einsum", "auto"])
@pytest.mark.parametrize("density", [0.5, SPARSE / 2])
def test_mixed_precision_and_a_batch_of_nothing(backend, density):
    layer = NeuronLayer(9, 4, CubaLIF(), normalize="batch")
    network = SpikingNetwork([layer], LeakyReadout(4, 3, 0.8, 0.9), backend=backend)
    store = events_of(counts_of(density))
    with torch.autocast("cpu", torch.bfloat16):
        assert network(store).logits.isfinite().all()
    before = layer.normalization.mean.clone()
    assert before.any()
    assert network(store.take(torch.zeros(0, dtype=torch.int64))).logits.shape == (0, 3)
    assert torch.equal(layer.normalization.mean, before)


def network_of(backend: str, *, analog: bool = False) -> SpikingNetwork:
    torch.manual_seed(0)
    options = {"normalize": "batch", "scale": 3.0, "dropout": 0.2}
    hidden = [
        NeuronLayer(8, 12, SEAdLIF(), 1.0, **options),
        NeuronLayer(12, 9, CubaLIF(), 1.0, **options),
    ]
    for layer in hidden:  # so that they fire
        nn.init.constant_(layer.normalization.gain, 8.0)
    encoder = CurrentEncoder(4, 2, 0.85, scale=5.0) if analog else None
    return SpikingNetwork(hidden, LeakyReadout(9, 3, 0.8, 0.9), encoder, backend=backend).double()


@needs("cpu")
@pytest.mark.parametrize("kind", ["dense", "events", "analog"])
def test_both_backends_give_the_same(kind):
    torch.manual_seed(1)
    counts = counts_of(0.3, steps=20, units=8)
    x = 2 * torch.randn(5, 20, 4).double() if kind == "analog" else counts
    x = events_of(counts) if kind == "events" else x
    found = []
    for backend in ("einsum", "cpu"):
        network = network_of(backend, analog=kind == "analog")
        torch.manual_seed(2)
        logits, counts_of_layers = network(x)
        assert network.last_backend == backend
        (logits.square().sum() + sum(n.sum() for n in counts_of_layers)).backward()
        grads = [p.grad for p in network.parameters()]
        network.eval()
        found.append((logits, counts_of_layers, grads, network(x).logits))
    (logits, counts, grads, seen), (logits2, counts2, grads2, seen2) = found
    assert torch.allclose(logits, logits2, atol=1e-10)
    assert torch.allclose(seen, seen2, atol=1e-10)
    assert all(torch.equal(a, b) for a, b in zip(counts, counts2, strict=True))
    assert all(a.any() for a in grads)
    for a, b in zip(grads, grads2, strict=True):
        assert torch.allclose(a, b, atol=1e-8)


def test_evaluation_needs_no_batch():
    network = network_of("einsum")
    x = counts_of(0.3, steps=12, units=8)
    for _ in range(3):
        network(x)
    network.eval()
    assert network.one_call
    whole, first = network.trace(x), network.trace(x[:2, :5])
    second = network.trace(x[:2, 5:], first.state)
    joined = torch.cat([first.spikes[1], second.spikes[1]], 1)
    assert torch.equal(whole.spikes[1][:2], joined)


def test_a_second_bias_is_refused():
    with pytest.raises(ConfigError, match="bias=True: must be false with normalize"):
        NeuronLayer(3, 4, RadLIF(), normalize="batch", bias=True)
