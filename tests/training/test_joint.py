"""Runs that meet at their training steps: each computes what it computes alone, bit for bit.

Without a GPU, Triton's interpreter runs the kernels and a stand-in replays the graphs.
"""

from __future__ import annotations

import logging

import pytest
import torch

from snn.events import EventBatch
from snn.training import joint
from snn.training.company import Company, meet
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step, plain_step
from tests.kernels.gpu_case import needs_triton
from tests.kernels.stand_in import stand_in
from tests.kernels.test_gpu_together import LABELS, MODELS, input_of, network_of

pytestmark = needs_triton
STEPS = 3


def train(of, seen, *, fails_at=None, sizes=(5,), **options):
    """Some steps of gradient descent; everything that happened is appended to ``seen``."""
    torch.manual_seed(of["seed"])
    network, x = network_of(of, sizes=sizes, **options), input_of(of)
    given = ClassificationLoss(label_smoothing=0.1), SpikeRegularizer(of["rate"])
    torch.manual_seed(of["seed"] + 10)  # of the dropout masks
    for step in range(STEPS):
        if step == fails_at:
            raise RuntimeError("a mishap")
        here = EventBatch(x.store, x.index.roll(step))
        arguments = network, here, LABELS.roll(step), *given
        output = meet(lambda arguments=arguments: joint.step_of(*arguments))
        output = output or fused_step(*arguments) or plain_step(*arguments)
        network.zero_grad()
        output.loss.backward()
        seen.append([output.loss.detach(), output.penalty, output.logits, *output.spike_counts])
        with torch.no_grad():
            for p in network.parameters():
                seen[-1].append(p.grad.clone())
                p -= 0.1 * of["scale"] * p.grad
    return seen


def in_company(trainings):
    """Trains several networks that meet; what each has seen, and how it ended."""
    seen, errors = [[] for _ in trainings], [None] * len(trainings)

    def work(i):
        def run():
            try:
                train(seen=seen[i], **trainings[i])
            except RuntimeError as error:
                errors[i] = error

        return run

    Company([work(i) for i in range(len(trainings))], joint.take).run()
    return seen, errors


@pytest.fixture
def launches(monkeypatch):
    """How many networks each joint launch computes."""
    from snn.kernels.gpu import together

    counted, networks = [], together.networks
    monkeypatch.setattr(
        together, "networks", lambda problems: counted.append(len(problems)) or networks(problems)
    )
    return counted


@pytest.fixture
def _graphs(monkeypatch):
    stand_in(monkeypatch)


def assert_as_alone(trainings, seen):
    for given, found in zip(trainings, seen, strict=True):
        alone = train(seen=[], **given)
        assert len(found) == len(alone)
        for step, (values, expected) in enumerate(zip(found, alone, strict=True)):
            for value, other in zip(values, expected, strict=True):
                assert torch.equal(value, other), step


def test_each_trains_as_alone_whatever_becomes_of_others(launches):
    """Dropout of each run is drawn from its own random numbers."""
    trainings = [{"of": of, "dropout": 0.3} for of in MODELS]
    failing = trainings[1] | {"fails_at": 1}
    seen, errors = in_company([trainings[0], failing, trainings[2]])
    assert [str(error) for error in errors] == ["None", "a mishap", "None"]
    assert launches == [3] + [2] * (STEPS - 1)
    assert_as_alone([trainings[0], trainings[2]], [seen[0], seen[2]])


@pytest.mark.long
def test_runs_of_other_sizes_step_by_themselves(launches):
    trainings = [{"of": of, "dropout": 0.3} for of in MODELS[:2]]
    trainings.append({"of": MODELS[0], "sizes": (6,), "dropout": 0.3})
    seen, errors = in_company(trainings)
    assert errors == [None] * 3
    assert launches == [2] * STEPS
    assert_as_alone(trainings, seen)


@pytest.mark.usefixtures("_graphs")
def test_replayed_steps_of_several_are_the_same(launches, caplog):
    trainings = [{"of": of, "learn_beta": "neuron"} for of in MODELS[:2]]
    with caplog.at_level(logging.INFO, "snn"):
        seen, errors = in_company(trainings)
    assert errors == [None] * 2
    assert "training steps of 4 samples of 2 networks are replayed from a CUDA graph" in caplog.text
    assert set(launches) == {2}
    assert_as_alone(trainings, seen)


@pytest.mark.long
def test_what_cannot_be_computed_together_is_computed_alone(monkeypatch, caplog):
    def refuse(group):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(joint, "_together", refuse)
    trainings = [{"of": of, "dropout": 0.3} for of in MODELS[:2]]
    with caplog.at_level(logging.WARNING, "snn"):
        seen, errors = in_company(trainings)
    assert errors == [None] * 2
    (record,) = caplog.records
    assert record.message.endswith("OutOfMemoryError: CUDA out of memory")
    assert_as_alone(trainings, seen)
