"""Data in the memory of the training device. The device "meta" has shapes and no memory."""

import pytest
import torch

from snn.data import Randman
from snn.data.base import BatchOrder, Split
from snn.data.resident import OnDevice, Residence, training_device
from snn.events import EventBatch

META = torch.device("meta")
SMALL = {"nb_classes": 3, "nb_units": 6, "nb_train": 20, "nb_test": 5, "nb_steps": 10}


@pytest.fixture
def data():
    data = Randman(**SMALL, batch_size=7, seed=5)
    data.setup()
    return data


def test_the_order_is_the_same_and_goes_to_the_device_once_an_epoch():
    order = BatchOrder(20, 7, shuffle_seed=3)
    moved = OnDevice(BatchOrder(20, 7, shuffle_seed=3), torch.device("cpu"))
    for epoch in (0, 4):
        order.set_epoch(epoch)
        moved.set_epoch(epoch)
        batches = list(moved)
        assert [b.tolist() for b in batches] == [b.tolist() for b in order]
        assert len({b.untyped_storage().data_ptr() for b in batches}) == 1
    assert len(moved) == len(order) == 3
    assert list(OnDevice(BatchOrder(0, 7), torch.device("cpu"))) == []


def test_a_batch_of_moved_data_touches_the_device_alone(data):
    split, order = Residence().move(data.train, BatchOrder(len(data.train), 7), META)
    for index in order:
        batch, labels = split[index]
        assert isinstance(batch, EventBatch)
        assert {x.device for x in (index, labels, batch.index, batch.store.units)} == {META}


def test_splits_share_what_was_moved(data):
    residence = Residence()
    train, _ = residence.move(data.train, BatchOrder(1, 1), META)
    val, _ = residence.move(data.val, BatchOrder(1, 1), META)
    test, _ = residence.move(data.test, BatchOrder(1, 1), META)
    assert train.inputs is val.inputs
    assert (train.inputs is test.inputs) == (data.train.inputs is data.test.inputs)
    assert data.train.inputs.units.device.type == "cpu"


def test_analog_signals_move_too():
    split = Split.whole(torch.zeros(5, 4, 2), torch.arange(5))
    moved, order = Residence().move(split, BatchOrder(5, 2), META)
    (signals, labels), *_ = (moved[index] for index in order)
    assert signals.shape == (2, 4, 2)
    assert signals.device == labels.device == META


def test_loaders_of_a_cpu_run_hand_out_the_data_as_they_are(data):
    assert training_device(None).type == "cpu"
    (batch, _), *_ = data.train_dataloader()
    assert batch.store is data.train.inputs


def test_data_stay_on_the_host_if_the_device_is_full(data, monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 2000))
    order = BatchOrder(len(data.train), 7)
    with caplog.at_level("INFO", "snn.data.resident"):
        same = Residence().move(data.train, order, torch.device("cuda", 0))
    assert same == (data.train, order)
    assert "stays on the host" in caplog.text


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_epoch_on_a_gpu_copies_nothing_but_its_order(data):
    device = torch.device("cuda", 0)
    split, order = Residence().move(data.train, BatchOrder(len(data.train), 7, 1), device)
    batches = iter(order)
    first = next(batches)
    torch.cuda.set_sync_debug_mode("error")
    try:
        shown = [split[index] for index in [first, *batches]]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    labels = torch.cat([labels for _, labels in shown]).cpu()
    assert torch.equal(labels.sort().values, data.train.labels.sort().values)
