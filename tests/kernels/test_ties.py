"""Steps whose values are equal to a bound or to each other as a rule, not by chance."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from snn.network.neuron_layer import NeuronLayer
from snn.neurons import Neuron, Parameter, State
from tests.kernels.gpu_case import needs_triton
from tests.kernels.neurons import LayerCase, assert_same_layer
from tests.requirements import needs


@dataclass(frozen=True)
class Floor(Neuron):
    """A potential that starts at its floor and is reset to it."""

    u = State(0.0, "potential, in a description\n of two lines")
    beta = Parameter((5.0, 20.0), low=0.0, unit="ms")

    def step(self, s, h, p):
        u = torch.clamp(p.beta * s.u + h, min=0.0, max=float("inf"))
        return u, lambda z: {"u": u * (1 - z.detach())}


@dataclass(frozen=True)
class Bounded(Neuron):
    """Bounds that are parameters, and get gradients of their own."""

    u = State(0.0)
    low = Parameter((-0.5, 0.0))
    high = Parameter((1.1, 1.5))

    def step(self, s, h, p):
        u = (0.9 * s.u + h).clamp(p.low, p.high)
        return u, lambda z: {"u": u * (1 - z)}


@dataclass(frozen=True)
class Refractory(Neuron):
    """Steps without an answer are counted down to exactly 0."""

    u = State(0.0)
    left = State(0.0)
    beta = Parameter((5.0, 20.0), low=0.0, unit="ms")

    def step(self, s, h, p):
        u = (p.beta * s.u + h) * (1 - 0.5 * (s.left != 0))
        return u, lambda z: {"u": u * (1 - z), "left": torch.maximum(s.left - 1, 2 * z)}


@dataclass(frozen=True)
class Truths(Neuron):
    """Equality, and numbers as truths."""

    u = State(0.0)
    since = State(0.0)
    beta = Parameter((5.0, 20.0), low=0.0, unit="ms")

    def step(self, s, h, p):
        new = torch.logical_not(s.since) & ~torch.eq(h, 0.0)
        u = p.beta * s.u + torch.where(torch.logical_or(new, s.since == 2), 0.7 * h, h)
        return u, lambda z: {"u": u * (1 - z), "since": (s.since + 1) * (1 - z.detach())}


NEURONS = [Floor(), Bounded(), Refractory(), Truths()]


@needs("cpu")
@pytest.mark.parametrize("neuron", NEURONS, ids=lambda n: type(n).__name__)
def test_cpu_kernels_equal_the_reference(neuron):
    assert_same_layer(LayerCase(neuron))


@pytest.mark.parametrize("neuron", NEURONS, ids=lambda n: type(n).__name__)
def test_the_reference_stays_in_its_dtype(neuron):
    layer = NeuronLayer(9, 7, neuron, weight_scale=3.0).to(torch.bfloat16)
    spikes, compared, end = layer(torch.ones(2, 5, 9, dtype=torch.bfloat16))
    found = {spikes.dtype, compared.dtype, *(state.dtype for state in end.states.values())}
    assert found == {torch.bfloat16}


@needs_triton
@pytest.mark.parametrize("neuron", NEURONS, ids=lambda n: type(n).__name__)
def test_gpu_kernels_equal_the_reference(neuron):
    assert_same_layer(LayerCase(neuron, batch=2, steps=7, units=5), "gpu")
