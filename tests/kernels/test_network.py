"""The network on its backends: same results, a clear choice, repeatable training."""

import logging

import pytest
import torch

from snn import kernels
from snn.errors import ConfigError
from snn.events import EventBatch, EventStore
from snn.functional import LIFDynamics
from snn.fused import fused_step
from snn.kernels import library, ops
from snn.layers import CurrentEncoder, LeakyReadout, RecurrentLIF
from snn.losses import ClassificationLoss, SpikeRegularizer
from snn.network import SpikingNetwork
from tests.kernels.compare import error, random_store

built = pytest.mark.skipif(not kernels.available(), reason="the CPU kernels are not built")
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


@built
@pytest.mark.parametrize("analog", [False, True])
@pytest.mark.parametrize("rule", ["max", "sum_softmax"])
@pytest.mark.parametrize("mask", ["sample", "step"])
def test_backends_agree(analog, rule, mask):
    options = {"analog": analog, "rule": rule, "dropout": 0.3, "dropout_mask": mask}
    options |= {"learn_alpha": "neuron", "learn_beta": "layer"}
    x = batch(analog)
    expected = outcome(make("einsum", **options), x)
    assert_same_outcome(outcome(make("cpu", **options), x), expected)


@built
@pytest.mark.parametrize("analog", [False, True])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_fused_step_agrees(analog, reduction):
    loss = ClassificationLoss("nll", [1.0, 0.5, 2.0]).double()
    regularizer = SpikeRegularizer(0.1, reduction)
    x = batch(analog)
    options = {"analog": analog, "sizes": (30,), "dropout": 0.2}
    expected = outcome(make("einsum", **options), x, loss, regularizer)
    actual = outcome(make("cpu", **options), x, loss, regularizer, fused=True)
    assert_same_outcome(actual, expected)


@built
@pytest.mark.parametrize(
    ("network", "loss", "regularizer"),
    [
        ({"rule": "last"}, {}, {}),
        ({}, {"name": "multi_margin"}, {}),
        ({}, {}, {"rate_l2": 1e-3}),
        ({}, {}, {"rate": 1.0, "reduction": "mean"}),  # two layers
        ({"backend": "einsum"}, {}, {}),
    ],
)
def test_what_cannot_be_fused_is_left_to_the_general_path(network, loss, regularizer):
    step = fused_step(
        make(**network),
        batch(),
        LABELS,
        ClassificationLoss(**loss),
        SpikeRegularizer(**regularizer),
    )
    assert step is None


@built
def test_no_fused_step_without_gradients():
    with torch.no_grad():
        step = fused_step(make(), batch(), LABELS, ClassificationLoss(), SpikeRegularizer())
    assert step is None


@built
def test_evaluation_agrees_and_keeps_no_graph():
    network, reference = make("cpu").eval(), make("einsum").eval()
    with torch.no_grad():
        output, expected = network(batch()), reference(batch())
    assert not output.logits.requires_grad
    assert error(output.logits, expected.logits) <= 1e-10
    assert torch.equal(output.spike_counts[1], expected.spike_counts[1])


@built
def test_a_store_and_counts_and_a_batch_are_the_same_input():
    network, events = make("cpu"), batch()
    logits = network(events).logits
    assert torch.equal(logits, network(events.gather()).logits)
    assert error(network(events.to_dense(torch.float64)).logits, logits) <= 1e-12


@built
def test_wide_unit_ids():
    events = batch()
    store = events.store
    wide = EventStore(store.indptr, store.units.int(), store.nb_steps, store.nb_units)
    network = make("cpu")
    assert torch.equal(network(EventBatch(wide, events.index)).logits, network(events).logits)


@built
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_training_repeats_bit_for_bit(fused, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        options = {"dtype": torch.float32, "dropout": 0.2}
        runs = [outcome(make("cpu", **options), batch(), fused=fused) for _ in range(3)]
    finally:
        torch.set_num_threads(before)
    for run in runs[1:]:
        assert torch.equal(run[0], runs[0][0])
        for name, grad in runs[0][2].items():
            assert torch.equal(run[2][name], grad), name


@built
def test_the_number_of_threads_changes_only_the_order_of_sums():
    before = torch.get_num_threads()
    outcomes = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            outcomes.append(outcome(make("cpu"), batch()))
    finally:
        torch.set_num_threads(before)
    assert_same_outcome(outcomes[1], outcomes[0], 1e-12)


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


@built
@pytest.mark.parametrize("value", [float("nan"), 1.5e308])  # the latter overflows in a sum
def test_broken_weights_show_as_in_the_reference(value):
    results = []
    for backend in ("einsum", "cpu"):
        network = make(backend)
        with torch.no_grad():
            network.hidden[0].weight[:, 3] = value
        results.append(outcome(network, batch()))
    (loss, counts, _), (other, other_counts, _) = results
    assert loss.isnan() == other.isnan()
    assert torch.equal(counts[0], other_counts[0])


@built
def test_the_choice_is_logged_once(caplog):
    network = make()
    with caplog.at_level(logging.INFO, "snn.network"):
        network(batch())
        network(batch())
    (message,) = [record.message for record in caplog.records]
    assert message.startswith("backend cpu: ")


def test_without_kernels_auto_takes_the_reference(monkeypatch, caplog):
    monkeypatch.setattr(library, "load", lambda: "the CPU kernels are not built")
    assert not library.available()
    with caplog.at_level(logging.INFO, "snn.network"):
        output = make()(batch())
    assert torch.equal(output.logits, make("einsum")(batch()).logits)
    assert "backend einsum: the CPU kernels are not built" in caplog.text
    with pytest.raises(ConfigError, match=r"model\.backend='cpu'.*not built"):
        make("cpu")(batch())


@built
def test_an_unsupported_dtype_is_refused_or_left_to_the_reference():
    network = make("cpu", dtype=torch.bfloat16)
    with pytest.raises(ConfigError, match="bfloat16"):
        network(batch())
    network.backend = "auto"
    assert network(batch()).logits.dtype == torch.bfloat16


@built
def test_indices_out_of_range_are_refused():
    events = batch()
    with pytest.raises(IndexError, match="sample index"):
        make("cpu")(EventBatch(events.store, torch.tensor([10])))
    network = make("cpu")
    broken = EventStore(events.store.indptr, events.store.units + 1, 40, 25)
    with pytest.raises(IndexError, match=r"unit lies outside 0\.\.24"):
        network(EventBatch(broken, events.index))
    with pytest.raises(ValueError, match="24 inputs"):
        network(EventStore(events.store.indptr, events.store.units, 40, 24))
    with pytest.raises(IndexError, match="labels"):
        fused_step(network, events, LABELS + 1, ClassificationLoss(), SpikeRegularizer())


@built
def test_trace_is_always_the_reference(monkeypatch):
    monkeypatch.setattr(ops, "network", None)
    assert make("cpu").trace(batch()).potentials[0].shape == (6, 40, 30)
