"""The network on its backends: same results, a clear choice, repeatable training."""

import logging
from contextlib import contextmanager

import pytest
import torch

from snn.errors import ConfigError
from snn.events import EventBatch, EventStore
from snn.kernels import api as ops
from snn.kernels.cpu import library
from snn.network import SpikingNetwork
from snn.network.layers import CurrentEncoder, LeakyReadout, RecurrentLIF
from snn.neurons import LIFDynamics
from snn.neurons.time_constants import spread_decay
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step
from tests.kernels.compare import error, random_store
from tests.requirements import needs

built = needs("cpu")
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
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_fused_step_smooths_labels(dtype):
    loss = ClassificationLoss("nll", label_smoothing=0.3).to(dtype)
    x, options = batch(), {"dropout": 0.2, "dtype": dtype}
    expected = outcome(make("einsum", **options), x, loss)
    actual = outcome(make("cpu", **options), x, loss, fused=True)
    assert_same_outcome(actual, expected, 1e-10 if dtype == torch.float64 else 1e-4)
    plain = outcome(make("cpu", **options), x, fused=True)
    assert error(plain[0].detach(), expected[0].detach()) > 1e-3


@built
def test_an_infinite_logit_of_another_class_matters_only_to_smoothed_labels():
    network = make("cpu")
    with torch.no_grad():
        network.readout.weight[:, 2] = -1e300
    labels = torch.zeros(len(LABELS), dtype=torch.int64)
    for smoothing in (0.0, 0.1):
        loss = ClassificationLoss("nll", label_smoothing=smoothing).double()
        step = fused_step(network, batch(), labels, loss, SpikeRegularizer())
        expected = loss(network(batch()).logits, labels)
        assert error(step.loss.detach(), expected.detach()) <= 1e-10


@built
@pytest.mark.parametrize("learn", ["fixed", "neuron"])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("detach_reset", [True, False])
def test_neurons_with_time_constants_of_their_own_agree(learn, fused, detach_reset):
    """Different in every layer and for both constants."""

    def networks(backend):
        torch.manual_seed(1)
        dynamics = LIFDynamics(scale=10.0, detach_reset=detach_reset, leak_scaled_input=True)
        hidden = [
            RecurrentLIF(
                inputs,
                units,
                spread_decay(0.8, 1.0, units),
                spread_decay(0.9, 1.0, units, "gamma"),
                dynamics,
                weight_scale=1.5,
                learn_alpha=learn,
                learn_beta=learn,
            )
            for inputs, units in ((25, 30), (30, 20))
        ]
        network = SpikingNetwork(hidden, LeakyReadout(20, 3, 0.8, 0.9), None, "max", backend)
        return network.double()

    expected = outcome(networks("einsum"), batch())
    assert expected[1][1].sum() > 0
    assert_same_outcome(outcome(networks("cpu"), batch(), fused=fused), expected)


@built
@pytest.mark.parametrize(
    ("network", "loss", "regularizer"),
    [
        ({"rule": "last"}, {}, {}),
        ({}, {"name": "multi_margin"}, {}),
        ({}, {"class_weights": [1.0, 0.5, 2.0], "label_smoothing": 0.1}, {}),
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
    with pytest.raises(ValueError, match=r"must be \(24, 30\)"):
        network(EventStore(events.store.indptr, events.store.units, 40, 24))
    with pytest.raises(IndexError, match="labels"):
        fused_step(network, events, LABELS + 1, ClassificationLoss(), SpikeRegularizer())


@built
def test_trace_is_always_the_reference(monkeypatch):
    monkeypatch.setattr(ops, "network", None)
    assert make("cpu").trace(batch()).potentials[0].shape == (6, 40, 30)
