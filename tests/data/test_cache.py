import json
import multiprocessing
import os
import time
from pathlib import Path

import pytest
import torch

from snn.data import FashionMNIST
from snn.data.cache import Encoded, cached_directory, cached_events, encoder_key
from snn.errors import DataError
from snn.events import EventStore
from snn.events.encoding import TTFS, LinearLatency
from tests.data.files import write_fashion_mnist

SIZES = {"nb_samples": 2, "nb_steps": 2, "nb_units": 3}


def encoded():
    store = EventStore.from_events([0, 1], [1, 0], [2, 1], **SIZES)
    return Encoded(store, {"labels": torch.tensor([1, 0])}, {"dropped_events": 4})


class Counting:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return encoded()


def entry_of(cache):
    [entry] = (path for path in cache.iterdir() if path.is_dir())
    return entry


def test_encodes_once_and_gives_back_the_same(tmp_path):
    build = Counting()
    for _ in range(3):
        found = cached_events(tmp_path / "c", "toy", {"a": 1}, build)
        assert torch.equal(found.events.to_dense(), encoded().events.to_dense())
        assert found.arrays["labels"].tolist() == [1, 0]
        assert found.facts == {"dropped_events": 4}
    assert build.calls == 1
    assert os.access(entry_of(tmp_path / "c"), os.R_OK | os.X_OK)


def test_another_key_is_another_entry(tmp_path):
    build = Counting()
    for key in ({"a": 1}, {"a": 2}, {"b": 1}, {"a": 1}):
        cached_events(tmp_path, "toy", key, build)
    assert build.calls == 3


def test_encoder_parameters_are_part_of_the_key():
    keys = [encoder_key(e) for e in (TTFS(), TTFS(tau=10.0), LinearLatency(threshold=0.2))]
    assert len({json.dumps(key) for key in keys}) == 3


DAMAGES = {
    "units cut": lambda e: (e / "units.npy").write_bytes((e / "units.npy").read_bytes()[:-1]),
    "indptr gone": lambda e: (e / "indptr.npy").unlink(),
    "labels longer": lambda e: (e / "array-labels.npy").open("ab").write(b"x"),
    "meta cut": lambda e: (e / "entry.json").write_text("{"),
    "meta empty": lambda e: (e / "entry.json").write_text(""),
    "meta other": lambda e: (e / "entry.json").write_text("[]"),
    "meta gone": lambda e: (e / "entry.json").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_built_anew(tmp_path, damage):
    build = Counting()
    cached_events(tmp_path, "toy", {}, build)
    DAMAGES[damage](entry_of(tmp_path))
    found = cached_events(tmp_path, "toy", {}, build)
    assert build.calls == 2
    assert torch.equal(found.events.to_dense(), encoded().events.to_dense())
    cached_events(tmp_path, "toy", {}, build)
    assert build.calls == 2


def test_a_failed_build_leaves_nothing(tmp_path):
    def fail(directory: Path):
        (directory / "half").write_text("x")
        raise DataError("broken source")

    with pytest.raises(DataError, match="broken source"):
        cached_directory(tmp_path, "toy", {}, fail)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_what_a_killed_process_left_is_swept(tmp_path):
    entry, _ = cached_directory(tmp_path, "toy", {}, lambda directory: {})
    leftover = tmp_path / f".{entry.name}.abc.tmp"
    leftover.mkdir()
    (entry / "entry.json").unlink()
    cached_directory(tmp_path, "toy", {}, lambda directory: {})
    assert not leftover.exists()


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"data\.cache=DIR"):
        cached_events(tmp_path / "file" / "cache", "toy", {}, encoded)


def _start_together(places, barrier, queue, log):
    import snn.data.fashion_mnist as module

    encode = module.FashionMNIST._encode

    def slow_and_logged(self, *files):
        with open(log, "a") as file:
            file.write(f"{files[0].name}\n")
        time.sleep(0.3)
        return encode(self, *files)

    module.FashionMNIST._encode = slow_and_logged
    barrier.wait()
    data = FashionMNIST(**places)
    data.setup()
    dense = data.test[torch.arange(20)][0].to_dense()
    queue.put((data.summary["train_events"], float(dense.sum())))


@pytest.mark.seconds(8)
def test_processes_that_start_together_encode_once(places, root, tmp_path):
    write_fashion_mnist(root, 60, 20)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    barrier, queue, log = context.Barrier(3), context.Queue(), tmp_path / "log"
    arguments = (places, barrier, queue, str(log))
    processes = [context.Process(target=_start_together, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    results = {queue.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 3
    assert len(results) == 1
    assert all(value > 0 for value in results.pop())
    assert sorted(log.read_text().split()) == [
        "t10k-images-idx3-ubyte.gz",
        "train-images-idx3-ubyte.gz",
    ]
    assert not list(Path(places["cache"]).glob(".*.tmp"))


def test_changed_source_or_parameters_are_encoded_anew(places, root, monkeypatch):
    calls = []
    encode = FashionMNIST._encode
    monkeypatch.setattr(
        FashionMNIST, "_encode", lambda self, *files: calls.append(files) or encode(self, *files)
    )
    write_fashion_mnist(root, 30, 20)
    FashionMNIST(**places).setup()
    FashionMNIST(**places, batch_size=3, val_fraction=0.5, split_seed=3, seed=4).setup()
    assert len(calls) == 2  # train and test
    FashionMNIST(**places, nb_steps=50).setup()
    assert len(calls) == 4
    FashionMNIST(**places, encoder=TTFS(tau=10.0)).setup()
    assert len(calls) == 6
    write_fashion_mnist(root, 30, 20, seed=1)
    FashionMNIST(**places).setup()
    assert len(calls) == 8
