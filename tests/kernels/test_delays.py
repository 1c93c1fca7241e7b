"""Delays in the kernels equal those of the reference, gradients of the delays included."""

import pytest
import torch

from snn import kernels
from snn.neurons import LIF, CubaLIF, SEAdLIF, neuron_layer
from snn.neurons.delays import delayed, rounded_taps, triangular_taps
from tests.kernels.compare import error
from tests.kernels.gpu_case import needs_triton
from tests.kernels.neurons import LayerCase
from tests.requirements import needs

LIMITS = {"q": (1.0, 3.0)}
CASES = {
    "plain": {},
    "one step": {"steps": 1},
    "three steps, fewer than taps": {"steps": 3},
    "63 steps": {"steps": 63, "units": 61},
    "one sample": {"batch": 1},
    "dropout": {"dropout": True},
    "fixed neuron": {"learn": False},
    "no events": {"density": 0.0},
}


def assert_same(case: LayerCase, taps: torch.Tensor, leaf: torch.Tensor, backend: str) -> None:
    case.leaves["delay"] = leaf
    options = case.options | {"taps": taps}
    spikes, _, _ = neuron_layer(case.x, *case.given, **options)
    sent = spikes if case.mask is None else spikes * case.mask
    layer = kernels.NeuronParameters(*case.given, **options)
    found, counts = kernels.neuron_layer(case.x, layer, backend=backend)
    assert torch.equal(found, sent)
    wanted = case.gradients(sent, spikes.sum(1))
    for name, grad in case.gradients(found, counts).items():
        assert error(grad, wanted[name]) <= 1e-10, name


def delay_of(units: int, most: float = 6.0) -> torch.Tensor:
    g = torch.Generator().manual_seed(3)
    return (most * torch.rand(units, generator=g, dtype=torch.float64)).requires_grad_()


@needs("cpu")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("neuron", [CubaLIF(), LIF(), SEAdLIF()], ids=lambda n: type(n).__name__)
def test_recurrent_delays(neuron, name):
    case = LayerCase(neuron, limits=LIMITS if isinstance(neuron, SEAdLIF) else {}, **CASES[name])
    delay = delay_of(case.units)
    assert_same(case, triangular_taps(delay, 2.5, 10), delay, "cpu")
    taps = rounded_taps(delay, 7).requires_grad_()
    assert_same(case, taps, taps, "cpu")


@needs_triton
@pytest.mark.parametrize("neuron", [CubaLIF(), SEAdLIF()], ids=lambda n: type(n).__name__)
def test_recurrent_delays_on_the_gpu(neuron):
    limits = LIMITS if isinstance(neuron, SEAdLIF) else {}
    case = LayerCase(neuron, batch=2, steps=9, units=7, dropout=True, limits=limits)
    delay = delay_of(7)
    assert_same(case, triangular_taps(delay, 2.0, 8), delay, "gpu")


@needs_triton
def test_delays_alone_are_learned_on_the_gpu():
    case = LayerCase(CubaLIF(), batch=2, steps=9, units=7, learn=False)
    delay = delay_of(7)
    frozen = [g.detach() if isinstance(g, torch.Tensor) else g for g in case.given]
    options = case.options | {"taps": triangular_taps(delay, 2.0, 8)}
    spikes, _, _ = neuron_layer(case.x, *frozen, **options)
    (wanted,) = torch.autograd.grad(spikes.sum(), delay, retain_graph=True)
    layer = kernels.NeuronParameters(*frozen, **options)
    found, _ = kernels.neuron_layer(case.x, layer, backend="gpu")
    assert wanted.any()
    assert error(torch.autograd.grad(found.sum(), delay)[0], wanted) <= 1e-10


def test_a_delay_of_whole_steps_is_one_tap():
    delay = torch.tensor([0.0, 3.0, 1.0])
    assert torch.equal(triangular_taps(delay, 1.0, 5), rounded_taps(delay, 5))
    assert rounded_taps(delay, 5).argmax(0).tolist() == [0, 3, 1]


def test_the_triangle_is_that_of_the_formula():
    taps = triangular_taps(torch.tensor([2.3]), 3.0, 8)
    for tau in range(1, 9):
        assert taps[tau - 1].item() == pytest.approx(max(0.0, 3.0 - abs(tau - 3.3)) / 9, abs=1e-6)


def test_input_arrives_late_in_chunks_too():
    x = torch.rand(2, 12, 3)
    taps = rounded_taps(torch.tensor([0.0, 2.0, 5.0]), 7)
    whole, _ = delayed(x, taps)
    assert torch.equal(whole[:, :, 0], x[:, :, 0])
    assert torch.equal(whole[:, 5:, 2], x[:, :7, 2])
    assert not whole[:, :5, 2].any()
    first, past = delayed(x[:, :4], taps)
    second, _ = delayed(x[:, 4:], taps, past)
    assert torch.equal(torch.cat([first, second], 1), whole)


@needs("cpu")
@pytest.mark.parametrize("change", [{"recurrence": "current"}, {"recurrent": False}])
def test_delays_without_recurrence_are_refused(change):
    case = LayerCase(CubaLIF(), **change)
    taps = rounded_taps(delay_of(case.units), 7)
    layer = kernels.NeuronParameters(*case.given, **case.options, taps=taps)
    with pytest.raises(ValueError, match="delays are of recurrent weights"):
        kernels.neuron_layer(case.x, layer)


SHAPES = {
    "plain": (3, 20, 40, 7),
    "one of each": (1, 1, 1, 1),
    "fewer steps than taps": (2, 3, 33, 9),
    "no samples": (0, 5, 4, 3),
    "whole blocks of units": (2, 11, 64, 4),
}


@needs("cpu")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_delays_on_the_way_in(shape, dtype):
    batch, steps, units, count = shape
    torch.manual_seed(0)
    x = torch.randn(batch, steps, units, dtype=dtype, requires_grad=True)
    taps = torch.randn(count, units, dtype=dtype, requires_grad=True)
    pull = torch.randn(batch, steps, units, dtype=dtype)
    found, wanted = kernels.delayed(x, taps), delayed(x, taps)[0]
    limit = 1e-12 if dtype == torch.float64 else 1e-4
    assert torch.allclose(found, wanted, atol=limit)
    for asked in ([x, taps], [x], [taps]):
        grads = torch.autograd.grad((found * pull).sum(), asked, retain_graph=True)
        right = torch.autograd.grad((wanted * pull).sum(), asked, retain_graph=True)
        for a, b in zip(grads, right, strict=True):
            assert torch.allclose(a, b, atol=limit)


@needs("cpu")
def test_delays_of_what_does_not_fit():
    x, taps = torch.ones(2, 5, 4), torch.ones(3, 4)
    for bad in (torch.ones(3, 5), torch.ones(4), torch.ones(3, 4).int(), torch.ones(0, 4)):
        with pytest.raises(ValueError, match=r"taps|float32 and float64"):
            kernels.delayed(x, bad)
    with pytest.raises(ValueError, match="input of shape"):
        kernels.delayed(x[0], taps)
    assert kernels.delayed(x.int(), taps).dtype == torch.float32
    with pytest.raises(ValueError, match="must be on the CPU"):
        kernels.delayed(x.to("meta"), taps.to("meta"), backend="cpu")


@needs("cpu")
def test_delays_that_are_no_tensor():
    case = LayerCase(LIF())
    layer = kernels.NeuronParameters(*case.given, **case.options)
    with pytest.raises(TypeError, match="taps must be a tensor, not bool"):
        kernels.neuron_layer(case.x, layer._replace(taps=True))
