"""A small network on either backend, its input, and what a step of training makes of it."""

import torch

from snn.events import EventBatch
from snn.network import SpikingNetwork
from snn.network.layers import CurrentEncoder, LeakyReadout, RecurrentLIF
from snn.neurons import LIFDynamics
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step
from tests.kernels.compare import error, random_store

LABELS = torch.tensor([0, 2, 1, 1, 0, 2])


def make(backend="auto", sizes=(30, 20), analog=False, rule="max", dtype=torch.float64, **layer):
    torch.manual_seed(1)
    inputs = 4 * 5 if analog else 25
    hidden = []
    for units in sizes:
        hidden.append(
            RecurrentLIF(
                inputs, units, 0.8, 0.9, LIFDynamics(scale=10.0), weight_scale=1.5, **layer
            )
        )
        inputs = units
    readout = LeakyReadout(inputs, 3, 0.8, 0.9)
    encoder = CurrentEncoder(4, 5, 0.9, scale=10.0) if analog else None
    return SpikingNetwork(hidden, readout, encoder, rule, backend).to(dtype)


def batch(analog=False, dtype=torch.float64):
    torch.manual_seed(2)
    if analog:
        return torch.randn(len(LABELS), 40, 4, dtype=dtype) * 3
    return EventBatch(random_store(10, 40, 25, 0.1, 3), torch.tensor([9, 0, 3, 3, 5, 1]))


def outcome(network, x, loss=None, regularizer=None, fused=False):
    """Loss, spike counts and gradients; dropout masks from a fixed seed."""
    loss = loss or ClassificationLoss()
    regularizer = regularizer or SpikeRegularizer(1e-3)
    torch.manual_seed(7)
    network.zero_grad()
    if fused:
        step = fused_step(network, x, LABELS, loss, regularizer)
        total, counts = step.loss, step.spike_counts
    else:
        output = network(x)
        counts = output.spike_counts
        total = loss(output.logits, LABELS) + regularizer(counts)
    total.backward()
    return total, counts, {name: p.grad for name, p in network.named_parameters()}


def assert_same_outcome(actual, expected, tolerance=1e-10):
    assert error(actual[0].detach(), expected[0].detach()) <= tolerance
    for n, other in zip(actual[1], expected[1], strict=True):
        assert torch.equal(n, other)
    for name, grad in expected[2].items():
        assert error(actual[2][name], grad) <= tolerance, name
