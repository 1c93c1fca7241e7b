"""Which backend a network takes, and what it takes as input."""

import logging

import pytest
import torch

from snn.errors import ConfigError
from snn.events import EventBatch, EventStore
from snn.kernels import api as ops
from snn.kernels.cpu import library
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step
from tests.kernels.compare import error
from tests.kernels.networks import LABELS, batch, make, outcome
from tests.requirements import needs

built = needs("cpu")


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
    with pytest.raises(ValueError, match="events of 24 units: must be of 25"):
        network(EventStore(events.store.indptr, events.store.units, 40, 24))
    with pytest.raises(IndexError, match="labels"):
        fused_step(network, events, LABELS + 1, ClassificationLoss(), SpikeRegularizer())


@built
def test_trace_is_always_the_reference(monkeypatch):
    monkeypatch.setattr(ops, "network", None)
    assert make("cpu").trace(batch()).potentials[0].shape == (6, 40, 30)


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
