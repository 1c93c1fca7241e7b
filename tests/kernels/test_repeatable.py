"""Training on the kernels repeats bit for bit; threads change no more than the order of sums."""

from contextlib import contextmanager

import pytest
import torch

from snn.events import EventBatch
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step
from tests.kernels.compare import random_store
from tests.kernels.networks import LABELS, assert_same_outcome, batch, make, outcome
from tests.requirements import needs

built = needs("cpu")


@contextmanager
def running_with(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def many():
    """More samples than fill the blocks of three threads evenly."""
    return EventBatch(random_store(40, 30, 25, 0.1, 3), torch.randperm(40)[:37])


def trained(threads, fused, steps=6):
    """Losses and weights after some steps of training in float32, with dropout."""
    with running_with(threads):
        network = make("cpu", dtype=torch.float32, dropout=0.2, learn_alpha="neuron")
        torch.manual_seed(5)
        x, labels = many(), torch.arange(37) % 3
        optimizer = torch.optim.Adam(network.parameters(), 1e-2)
        nll, regularizer, losses = ClassificationLoss(), SpikeRegularizer(1e-3), []
        for _ in range(steps):
            optimizer.zero_grad()
            if fused:
                loss = fused_step(network, x, labels, nll, regularizer).loss
            else:
                output = network(x)
                loss = nll(output.logits, labels) + regularizer(output.spike_counts)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    return [*losses, *(p.detach() for p in network.parameters())]


@built
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_training_repeats_bit_for_bit(fused, threads):
    first = trained(threads, fused)
    assert not torch.equal(first[0], first[5])
    for _ in range(2):
        for value, again in zip(first, trained(threads, fused), strict=True):
            assert torch.equal(value, again)


@built
@pytest.mark.parametrize("analog", [False, True])
def test_outputs_do_not_depend_on_the_number_of_threads(analog):
    x = torch.randn(37, 30, 4) if analog else many()
    outputs = []
    for threads in (1, 2, 3):
        with running_with(threads), torch.no_grad():
            outputs.append(make("cpu", analog=analog, dtype=torch.float32)(x))
    for output in outputs[1:]:
        assert torch.equal(output.logits, outputs[0].logits)
        for counts, expected in zip(output.spike_counts, outputs[0].spike_counts, strict=True):
            assert torch.equal(counts, expected)


@built
@pytest.mark.parametrize("fused", [False, True])
def test_the_number_of_threads_changes_only_the_order_of_sums(fused):
    outcomes = []
    for threads in (1, 2, 3):
        with running_with(threads):
            outcomes.append(outcome(make("cpu"), batch(), fused=fused))
    for other in outcomes[1:]:
        assert_same_outcome(other, outcomes[0], 1e-12)


@built
def test_two_passes_may_be_open_at_once():
    network, x = make("cpu"), batch()
    other = EventBatch(x.store, x.index.flip(0) + 0)
    expected = outcome(network, x)
    first, second = network(x), network(other)
    network.zero_grad()
    loss = ClassificationLoss()(first.logits, LABELS)
    (loss + SpikeRegularizer(1e-3)(first.spike_counts)).backward()
    del second
    for name, p in network.named_parameters():
        assert torch.equal(p.grad, expected[2][name]), name
