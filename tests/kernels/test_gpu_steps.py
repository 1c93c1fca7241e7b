"""Training steps that are captured and replayed: the same as without, whatever changes meanwhile.

Without a GPU a stand-in for the graph runs the step anew into the same tensors, so that all but the
capture itself is tested.
"""

import gc
import logging
from types import SimpleNamespace

import pytest
import torch

from snn.events import EventBatch
from snn.kernels.gpu import graphs, steps
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step
from tests.kernels.compare import random_store
from tests.kernels.gpu_case import DEVICE, needs_cuda, needs_triton
from tests.kernels.stand_in import stand_in
from tests.kernels.test_gpu_network import make as make_network

pytestmark = needs_triton
LABELS = torch.tensor([0, 2, 1, 1], device=DEVICE)
NB_STEPS, NB_INPUTS = 5, 12


def make(sizes=(5,), **options):
    return make_network(sizes=sizes, **options)


def store_of(seed):
    return random_store(6, NB_STEPS, NB_INPUTS, 0.4, seed).to(DEVICE)


def batch(analog=False):
    if analog:
        return (torch.randn(len(LABELS), NB_STEPS, 2, dtype=torch.float64) * 3).to(DEVICE)
    return EventBatch(store_of(3), torch.tensor([5, 0, 3, 3], device=DEVICE))


@pytest.fixture(autouse=True)
def _graphs(monkeypatch):
    stand_in(monkeypatch)


def one_step(network, x, labels, loss, regularizer, fused):
    """Everything that a step gives, and whether it was replayed."""
    network.zero_grad()
    output = fused_step(network, x, labels, loss, regularizer) if fused else None
    replayed = output is not None
    if replayed:
        total, results = output.loss, output[1:4] + tuple(output.spike_counts)
    else:
        out = network(x)
        nll, penalty = loss(out.logits, labels), regularizer(out.spike_counts)
        total, results = nll + penalty, (nll, penalty, out.logits, *out.spike_counts)
    (2.0 * total).backward()
    grads = [None if p.grad is None else p.grad.clone() for p in network.parameters()]
    return [total.detach(), *(r.detach() for r in results), *grads], replayed


def course(fused, count=3, seed=5, **options):
    """Steps on changing batches with gradient descent in between."""
    network = make(**options)
    analog = options.get("analog", False)
    x = batch(analog)
    loss, regularizer = ClassificationLoss(label_smoothing=0.1), SpikeRegularizer(1e-3)
    torch.manual_seed(seed)
    seen, replays = [], []
    for i in range(count):
        picked = torch.arange(4, device=DEVICE).roll(i)
        here = x[picked] if analog else EventBatch(x.store, x.index[picked])
        values, replayed = one_step(network, here, LABELS[picked], loss, regularizer, fused)
        seen.append(values)
        replays.append(replayed)
        with torch.no_grad():
            for p in network.parameters():
                if p.grad is not None:
                    p -= 0.1 * p.grad
    return seen, replays


OPTIONS = {
    "events": {},
    "analog": {"analog": True},
    "two layers, feed-forward": {"sizes": (7, 4), "recurrent": False},
    "dropout": {"dropout": 0.3},
    "dropout of each step": {"dropout": 0.3, "dropout_mask": "step"},
    "learned": {"learn_alpha": "neuron", "learn_beta": "layer"},
    "sum of softmax": {"rule": "sum_softmax"},
    "float32": {"dtype": torch.float32},
}


TOGETHER = {
    "dropout of each step, learned": OPTIONS["dropout of each step"] | OPTIONS["learned"],
    "analog, sum of softmax": OPTIONS["analog"] | OPTIONS["sum of softmax"],
    "two layers, feed-forward, dropout, float32": OPTIONS["two layers, feed-forward"]
    | OPTIONS["dropout"]
    | OPTIONS["float32"],
}


@pytest.mark.parametrize(
    "options",
    [
        *(pytest.param(options, id=name) for name, options in TOGETHER.items()),
        *(pytest.param(o, id=name, marks=pytest.mark.long) for name, o in OPTIONS.items()),
    ],
)
def test_replayed_steps_are_the_same_bit_for_bit(options):
    expected, _ = course(False, **options)
    actual, replays = course(True, **options)
    assert replays == [False, True, True]
    for step, (values, others) in enumerate(zip(actual, expected, strict=True)):
        for value, other in zip(values, others, strict=True):
            assert (value is None) == (other is None)
            assert value is None or torch.equal(value, other), step


def network_and_step(**options):
    network, x = make(**options), batch()
    loss, regularizer = ClassificationLoss(), SpikeRegularizer(1e-3)

    def step(x=x, labels=LABELS, fused=True, loss=loss):
        return one_step(network, x, labels, loss, regularizer, fused)

    for _ in range(2):
        step()
    return network, x, regularizer, step


@pytest.mark.long
def test_a_changed_setting_is_heeded():
    network, _, regularizer, step = network_and_step()
    assert step()[1]
    for change in (
        lambda: setattr(regularizer, "rate", 1.0),
        lambda: setattr(network, "logit_rule", "mean"),
        lambda: setattr(network.readout.beta, "factor", 0.5),
        lambda: network.hidden[0].weight.requires_grad_(False),
    ):
        change()
        values, replayed = step()
        assert not replayed
        values, replayed = step()
        assert replayed
        expected, _ = step(fused=False)
        for value, other in zip(values, expected, strict=True):
            assert (value is None) == (other is None)
            assert value is None or torch.equal(value, other)
    weighted = ClassificationLoss(class_weights=[1.0, 2.0, 3.0]).to(DEVICE, torch.float64)
    assert not step(loss=weighted)[1]


def test_moved_weights_and_other_batches_are_not_mixed_up():
    network, x, _, step = network_and_step()
    assert not step(EventBatch(x.store, x.index[:3]), LABELS[:3])[1]
    other = store_of(4)
    assert not step(EventBatch(other, x.index))[1]
    assert step()[1]
    weight = network.hidden[0].weight
    old, weight.data = weight.data, weight.data.clone() + 1.0
    values, replayed = step()
    assert not replayed
    assert torch.equal(values[0], step(fused=False)[0][0])
    del old


def test_two_replays_may_be_open_at_once():
    network, x, regularizer, step = network_and_step()
    expected, _ = step()
    loss = ClassificationLoss()
    network.zero_grad()
    first = fused_step(network, x, LABELS, loss, regularizer)
    other = EventBatch(x.store, x.index.flip(0))
    second = fused_step(network, other, LABELS.flip(0), loss, regularizer)
    assert torch.equal(second.logits, first.logits.flip(0))
    (2.0 * first.loss).backward()
    parameters = list(network.parameters())
    for value, p in zip(expected[-len(parameters) :], parameters, strict=True):
        assert torch.equal(value, p.grad)


def test_few_are_kept_and_all_forgotten_with_the_network(monkeypatch):
    if DEVICE.type != "cuda":  # the other stand-in keeps the network, a graph does not
        nothing = SimpleNamespace(replay=lambda: None)
        monkeypatch.setattr(graphs, "_record", lambda run: (nothing, run()))
    monkeypatch.setattr(steps, "MOST", 2)
    network, x, _, step = network_and_step()
    for n in range(1, 4):
        index = torch.arange(n, device=DEVICE)
        step(EventBatch(x.store, index), index)
    assert len(steps._seen[network]) == 2
    before = len(steps._seen)
    del network, step
    gc.collect()
    assert len(steps._seen) < before


def test_stores_that_come_and_go_are_never_captured():
    network, regularizer = make(), SpikeRegularizer(1e-3)
    for seed in range(4):
        x = EventBatch(store_of(seed), torch.arange(4, device=DEVICE))
        assert fused_step(network, x, LABELS, ClassificationLoss(), regularizer) is None


def test_a_refused_capture_leaves_the_steps_as_they_were(monkeypatch, caplog):
    def refuse(run):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(graphs, "_record", refuse)
    with caplog.at_level(logging.WARNING, "snn"):
        expected, _ = course(False)
        actual, replays = course(True)
    assert replays == [False] * 3
    assert torch.equal(actual[-1][0], expected[-1][0])
    (message,) = [r.message for r in caplog.records]
    assert message.endswith("no CUDA graph: operation not permitted when stream is capturing")


@needs_cuda
def test_a_replay_waits_for_nothing():
    _, _, _, step = network_and_step(dropout=0.2)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert step()[1]
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_cuda
def test_they_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("SNN_GPU_GRAPHS", "0")
    _, replays = course(True)
    assert replays == [False] * 3
