"""From events to input currents, and back to the gradient of the input weights."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.events import EventBatch
from snn.kernels.gpu import tiling
from tests.kernels.compare import error, random_store
from tests.kernels.gpu_case import DEVICE, needs_triton

pytestmark = needs_triton


def batch(samples=5, steps=4, units=7, density=0.3, index=(3, 0, 0, 4), seed=0) -> EventBatch:
    store = random_store(samples, steps, units, density, seed)
    return EventBatch(store, torch.tensor(index)).to(DEVICE)


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_dense_counts_are_those_of_the_store(density):
    from snn.kernels.gpu.inputs import dense_counts

    x = batch(density=density)
    dense = dense_counts(x, torch.float64)
    assert torch.equal(dense, x.to_dense(torch.float64).transpose(0, 1))


def test_more_events_in_a_row_than_are_read_at_once():
    from snn.kernels.gpu.inputs import dense_counts

    x = batch(units=100, density=0.9)
    assert x.to_dense().sum(2).max() > 64
    assert torch.equal(dense_counts(x, torch.float32), x.to_dense().transpose(0, 1))


@settings(max_examples=40, deadline=None)
@given(
    samples=st.integers(1, 6),
    steps=st.integers(1, 5),
    units=st.integers(1, 9),
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 1000),
    picks=st.lists(st.integers(0, 5), min_size=1, max_size=5),
)
def test_sorted_events_are_all_events_by_input(samples, steps, units, density, seed, picks):
    from snn.kernels.gpu.inputs import sorted_events

    x = batch(samples, steps, units, density, [p % samples for p in picks], seed)
    bounds, rows = sorted_events(x)
    dense = x.to_dense(torch.int64).transpose(0, 1).flatten(0, 1)  # [step * batch, unit]
    assert bounds.tolist() == [0, *dense.sum(0).cumsum(0).tolist()]
    for unit in range(units):
        mine = rows[bounds[unit] : bounds[unit + 1]]
        assert torch.equal(torch.bincount(mine, minlength=len(dense)), dense[:, unit])


@pytest.mark.parametrize("mode", ["events", "dense"])
@pytest.mark.parametrize("units", [1, 9, 300])
def test_currents_and_their_gradient(monkeypatch, mode, units):
    from snn.kernels.gpu.inputs import currents

    monkeypatch.setenv("SNN_GPU_INPUT", mode)
    x = batch()
    weight = torch.randn(7, units, dtype=torch.float64, device=DEVICE, requires_grad=True)
    drive = currents(x, weight)
    expected = torch.einsum("abc,cd->bad", x.to_dense(torch.float64), weight)
    assert drive.shape == expected.shape
    assert error(drive, expected) <= 1e-12
    direction = torch.randn_like(expected)
    for grad_out in (direction, direction.transpose(0, 1).contiguous().transpose(0, 1)):
        (grad,) = torch.autograd.grad(drive, weight, grad_out, retain_graph=True)
        (other,) = torch.autograd.grad(expected, weight, grad_out, retain_graph=True)
        assert error(grad, other) <= 1e-12


def test_the_way_is_chosen_by_density(monkeypatch):
    monkeypatch.delenv("SNN_GPU_INPUT", raising=False)
    assert tiling.input_mode(3.1, 784) == "events"  # Fashion-MNIST, time to first spike
    assert tiling.input_mode(80.0, 700) == "dense"  # SHD in 100 steps
    monkeypatch.setenv("SNN_GPU_INPUT", "dense")
    assert tiling.input_mode(3.1, 784) == "dense"
