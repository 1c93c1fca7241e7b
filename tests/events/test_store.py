import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn.events import EventBatch, EventStore
from snn.events.store import _gather_device


@st.composite
def event_sets(draw):
    sizes = {name: draw(st.integers(1, 6)) for name in ("nb_samples", "nb_steps", "nb_units")}
    events = draw(
        st.lists(st.tuples(*(st.integers(0, size - 1) for size in sizes.values())), max_size=60)
    )
    return np.array(events, np.int64).reshape(-1, 3).T, sizes


def dense_of(events, sizes):
    dense = np.zeros(tuple(sizes.values()), np.float32)
    np.add.at(dense, tuple(events), 1)
    return torch.from_numpy(dense)


def random_store(nb_samples=7, nb_steps=5, nb_units=11, nb_events=90, seed=0):
    rng = np.random.default_rng(seed)
    sizes = {"nb_samples": nb_samples, "nb_steps": nb_steps, "nb_units": nb_units}
    events = [rng.integers(0, size, nb_events) for size in sizes.values()]
    return EventStore.from_events(*events, **sizes), dense_of(events, sizes)


@given(event_sets())
def test_dense_is_the_count_of_the_events(case):
    events, sizes = case
    store = EventStore.from_events(*events, **sizes)
    assert torch.equal(store.to_dense(), dense_of(events, sizes))
    assert (store.nb_samples, store.nb_events) == (sizes["nb_samples"], events.shape[1])
    assert torch.equal(store.counts(), dense_of(events, sizes).sum((1, 2)).long())


@given(event_sets(), st.randoms(use_true_random=False))
def test_the_order_of_the_events_does_not_matter(case, random):
    events, sizes = case
    order = list(range(events.shape[1]))
    random.shuffle(order)
    one = EventStore.from_events(*events, **sizes)
    other = EventStore.from_events(*events[:, order], **sizes)
    assert torch.equal(one.indptr, other.indptr)
    assert torch.equal(one.units, other.units)


@given(event_sets(), st.data())
def test_take_is_indexing(case, data):
    events, sizes = case
    store = EventStore.from_events(*events, **sizes)
    index = torch.tensor(
        data.draw(st.lists(st.integers(0, sizes["nb_samples"] - 1), max_size=9)), dtype=torch.int64
    )
    taken = store.take(index)
    assert taken.nb_samples == len(index)
    assert int(taken.indptr[-1]) == taken.nb_events
    assert torch.equal(taken.to_dense(), dense_of(events, sizes)[index])
    on_device = _gather_device(store.indptr, store.units, store.nb_steps, index)
    assert torch.equal(on_device[0], taken.indptr)
    assert torch.equal(on_device[1], taken.units)


@given(event_sets(), event_sets())
def test_concatenate_joins_samples(first, second):
    sizes = {**second[1], "nb_steps": first[1]["nb_steps"]}
    inside = second[0][1] < sizes["nb_steps"]
    stores = [
        EventStore.from_events(*first[0], **first[1]),
        EventStore.from_events(*second[0][:, inside], **sizes),
    ]
    joined = EventStore.concatenate(stores)
    start = first[1]["nb_samples"]
    nb_units = [store.nb_units for store in stores]
    assert joined.nb_units == max(nb_units)
    dense = joined.to_dense()
    assert torch.equal(dense[:start, :, : nb_units[0]], stores[0].to_dense())
    assert torch.equal(dense[start:, :, : nb_units[1]], stores[1].to_dense())
    assert dense.sum() == sum(store.nb_events for store in stores)


def test_a_unit_twice_in_a_row_counts_twice():
    store = EventStore.from_events([0, 0], [1, 1], [2, 2], nb_samples=1, nb_steps=2, nb_units=3)
    assert store.to_dense()[0].tolist() == [[0, 0, 0], [0, 0, 2]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int32])
def test_dense_dtypes(dtype):
    store, dense = random_store()
    assert torch.equal(store.to_dense(dtype), dense.to(dtype))


@pytest.mark.parametrize(("nb_units", "dtype"), [(32767, torch.int16), (32768, torch.int32)])
def test_width_of_the_unit_ids(nb_units, dtype):
    sizes = {"nb_samples": 1, "nb_steps": 1, "nb_units": nb_units}
    store = EventStore.from_events([0], [0], [nb_units - 1], **sizes)
    assert store.units.dtype is dtype
    assert store.to_dense()[0, 0, -1] == 1
    assert store.with_units(40000).units.dtype is torch.int32


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (([0], [0], [3]), "unit: 3..3 is outside 0..2"),
        (([0], [-1], [0]), "step: -1"),
        (([2], [0], [0]), "sample: 2"),
        (([0, 1], [0], [0]), "differ in length"),
        (([0.5], [0], [0]), "expected integers"),
        (([[0]], [0], [0]), "one dimension"),
    ],
)
def test_impossible_events_are_refused(events, message):
    with pytest.raises(ValueError, match=message):
        EventStore.from_events(*events, nb_samples=2, nb_steps=2, nb_units=3)


@pytest.mark.parametrize("index", [[7], [-1], [0, 12]])
def test_take_refuses_samples_that_are_not_there(index):
    with pytest.raises(IndexError, match=r"outside 0\.\.6"):
        random_store()[0].take(torch.tensor(index))


def test_take_wants_integers_of_any_size():
    store = random_store()[0]
    wanted = store.take(torch.tensor([6, 2]))
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32):
        found = store.take(torch.tensor([6, 2], dtype=dtype))
        assert torch.equal(found.indptr, wanted.indptr)
        assert torch.equal(found.units, wanted.units)
    mask = torch.arange(len(store)) > 3
    for index in (mask, mask.float()):
        with pytest.raises(IndexError, match="expected integers"):
            EventBatch(store, index).to_dense()


def test_ids_may_be_unsigned():
    ids = np.array([1, 0], np.uint64)
    store = EventStore.from_events(ids, ids, ids, nb_samples=2, nb_steps=2, nb_units=3)
    assert store.to_dense().nonzero().tolist() == [[0, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize("size", [{"nb_steps": 0}, {"nb_units": 0}])
def test_a_store_has_steps_and_units(size):
    sizes = {"nb_samples": 2, "nb_steps": 2, "nb_units": 3} | size
    with pytest.raises(ValueError, match="=0: expected at least 1"):
        EventStore.from_events([], [], [], **sizes)


@pytest.mark.parametrize("nb_events", [0, 90])
def test_saved_stores_load_memory_mapped(tmp_path, nb_events):
    store, dense = random_store(nb_events=nb_events)
    store.save(tmp_path)
    loaded = EventStore.load(tmp_path)
    assert torch.equal(loaded.to_dense(), dense)
    assert (loaded.nb_steps, loaded.nb_units) == (5, 11)
    loaded.indptr.zero_()  # a private copy of the page
    assert torch.equal(EventStore.load(tmp_path).to_dense(), dense)


def test_batch_reads_its_own_samples():
    store, dense = random_store()
    batch = EventBatch(store, torch.tensor([3, 0, 3]))
    assert (len(batch), batch.nb_steps, batch.nb_units) == (3, 5, 11)
    assert torch.equal(batch.to_dense(), dense[[3, 0, 3]])
    assert batch.gather().nb_samples == 3


def test_a_batch_takes_only_its_own_samples_to_another_device():
    store, _ = random_store()
    batch = EventBatch(store, torch.tensor([3, 0]))
    assert batch.to("cpu").store is store or batch.to("cpu").store.units is store.units
    moved = batch.to("meta")
    assert moved.store.nb_samples == 2
    assert moved.index.device.type == moved.store.units.device.type == "meta"
    assert moved.store.nb_events == batch.gather().nb_events < store.nb_events
