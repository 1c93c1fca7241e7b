"""Trained networks from their runs' directories, without the data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import snn
from snn.data import SHD, TBL, FashionMNIST, Randman
from snn.data.idx import read_idx
from snn.errors import ConfigError, InputError, SnnError
from snn.events import EventBatch, EventStore
from snn.files import read_json
from tests.commands import run
from tests.data.files import braille_records, write_fashion_mnist, write_shd, write_tbl


def raw_steps(data: Randman) -> np.ndarray:
    """Spike times of the test part of random manifolds, ``[sample, unit]``."""
    _, step, unit = data.test.inputs.coordinates()
    nb_units = data.nb_units
    order = np.argsort(np.repeat(np.arange(len(data.test)), nb_units) * nb_units + unit)
    return step[order].reshape(-1, nb_units)


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of a run, to be damaged."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.mark.parametrize(
    ("weights", "which"), [("best", "best"), ("last", "final"), (None, "best")]
)
def test_predictions_have_the_recorded_accuracy(finished: Path, weights, which) -> None:
    trained = snn.load(finished, weights)
    data = type(trained.data)(**{k: v for k, v in trained.config["data"].items() if k[0] != "_"})
    data.setup()
    predicted = trained.predict(raw_steps(data))
    right = int((predicted.classes == data.test.labels).sum())
    assert right == round(trained.result[f"metrics.{which}.test.accuracy"] * len(data.test))
    assert torch.allclose(predicted.probabilities.sum(1), torch.ones(len(data.test)))
    spikes = predicted.spike_counts[0].sum(1).double().mean().item()
    recorded = trained.result[f"metrics.{which}.test.hidden0/spikes_per_sample"]
    assert spikes == pytest.approx(recorded)
    assert not trained.network.training
    assert trained.class_names == ["0", "1", "2", "3"]


@pytest.mark.parametrize("value", [-1.0, 0.5])
def test_what_counts_no_spikes_is_refused(finished: Path, value: float) -> None:
    trained = snn.load(finished)
    counts = torch.zeros(2, trained.data.nb_steps, trained.data.nb_units)
    trained.predict(counts)
    counts[1, 3, 0] = value
    with pytest.raises(InputError, match="no counts of spikes"):
        trained.predict(counts)


def test_events_batches_and_counts_are_accepted(finished: Path) -> None:
    trained = snn.load(finished)
    trained.data.setup()
    store = trained.data.test.inputs
    index = torch.tensor([5, 0, 7])
    expected = trained.predict(store, batch_size=13).classes[index]
    for x in (EventBatch(store, index), store.take(index), store.take(index).to_dense()):
        assert torch.equal(trained.predict(x).classes, expected)
    empty = trained.predict(store.take(torch.arange(0)))
    assert empty.classes.shape == (0,)
    assert empty.probabilities.shape == (0, 4)


def small(tmp_path: Path, *overrides: str) -> Path:
    run(
        tmp_path / "run",
        *overrides,
        f"data.root={tmp_path / 'root'}",
        f"data.cache={tmp_path / 'cache'}",
        "trainer.max_epochs=2",
        "model.nb_hidden=12",
        "logger=none",
    )
    return tmp_path / "run"


def recordings(root: Path):
    """The test file as somebody else would read it."""
    with h5py.File(root / "SHD" / "shd_test.h5") as file:
        return (list(file["spikes/times"][()]), list(file["spikes/units"][()])), file["labels"][()]


def test_images_without_the_data_set(tmp_path: Path) -> None:
    folder = write_fashion_mnist(tmp_path / "root")
    images = read_idx(folder / "t10k-images-idx3-ubyte.gz", 3)
    labels = read_idx(folder / "t10k-labels-idx1-ubyte.gz", 1)
    directory = small(tmp_path, "data=fashion_mnist", "data.nb_steps=30")
    shutil.rmtree(tmp_path / "root")
    shutil.rmtree(tmp_path / "cache")
    trained = snn.load(directory, "last")
    predicted = trained.predict(images).classes.numpy()
    assert (predicted == labels).sum() == round(
        trained.result["metrics.final.test.accuracy"] * len(labels)
    )
    assert trained.predict(images[3]).classes.tolist() == [predicted[3]]
    assert trained.class_names[0] == "T-shirt/top"


def test_times_and_units_without_the_data_set(tmp_path: Path) -> None:
    write_shd(tmp_path / "root")
    (times, units), labels = recordings(tmp_path / "root")
    directory = small(tmp_path, "data=shd", "data.nb_steps=30")
    shutil.rmtree(tmp_path / "root")
    trained = snn.load(directory, "last")
    predicted = trained.predict((times, units)).classes.numpy()
    assert (predicted == labels).sum() == round(
        trained.result["metrics.final.test.accuracy"] * len(labels)
    )
    assert trained.predict((times[2], units[2])).classes.tolist() == [predicted[2]]
    assert trained.class_names == ["digit 0", "digit 1", "digit 2", "digit 3"]


def test_recordings_without_the_data_set(tmp_path: Path) -> None:
    write_tbl(tmp_path / "root")
    raw = [record["taxel_data"] for record in braille_records()]
    directory = small(tmp_path, "data=tbl")
    data = TBL(root=str(tmp_path / "root"))
    data.setup()
    shutil.rmtree(tmp_path / "root")
    trained = snn.load(directory, "last")
    chosen = data.test.index.tolist()
    assert torch.equal(trained.encode([raw[i] for i in chosen]), data.test.inputs[data.test.index])
    predicted = trained.predict([raw[i] for i in chosen])
    right = int((predicted.classes == data.test.labels).sum())
    assert right == round(trained.result["metrics.final.test.accuracy"] * len(chosen))
    trace = trained.trace([raw[0]])
    assert trace.encoder_potentials.shape == trace.input.shape


def test_a_trace_has_every_state(finished: Path) -> None:
    trained = snn.load(finished)
    trained.data.setup()
    trace = trained.trace(trained.data.test.inputs.take(torch.arange(3)))
    layer, readout = trained.network.hidden[0], trained.network.readout
    spikes, current, potential = trace.spikes[0], trace.currents[0], trace.potentials[0]
    assert spikes.shape == current.shape == potential.shape == (3, 30, 24)
    drive = trace.input @ layer.weight
    drive[:, 1:] += spikes[:, :-1] @ layer.recurrent_weight
    assert torch.allclose(
        current[:, 1:], layer.alpha() * current[:, :-1] + drive[:, :-1], atol=1e-5
    )
    kept = 1 - spikes[:, :-1]
    expected = (layer.beta() * potential[:, :-1] + current[:, :-1]) * kept
    assert torch.allclose(potential[:, 1:], expected, atol=1e-5)
    flow = trace.readout_currents
    assert flow.shape == trace.output.shape == (3, 31, 4)
    expected = readout.beta() * trace.output[:, :-1] + flow[:, :-1]
    assert torch.allclose(trace.output[:, 1:], expected, atol=1e-5)
    assert trace.encoder_potentials is None


def test_a_device_that_is_not_there_is_named(finished: Path) -> None:
    for device in ("cuda:99", "nowhere"):
        with pytest.raises(ConfigError, match=f"device='{device}': must be one that is here"):
            snn.load(finished, device=device)


def test_loading_draws_no_chance(finished: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    snn.load(finished)
    assert torch.equal(torch.rand(1), expected)


def without_record(directory: Path, name: str) -> None:
    """As an older version of this program saved it."""
    path = directory / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    del content[name]
    torch.save(content, path)


def test_runs_that_are_older_than_the_record(copied: Path, finished: Path) -> None:
    without_record(copied, "Randman")
    (copied / "result.json").unlink()
    trained = snn.load(copied, "last")
    assert (trained.data.nb_units, trained.class_names) == (40, ["0", "1", "2", "3"])
    x = torch.zeros(2, 30, 40)
    expected = snn.load(finished, "last").predict(x).probabilities
    assert torch.equal(trained.predict(x).probabilities, expected)


def test_a_checkpoint_by_its_file(finished: Path) -> None:
    trained = snn.load(finished / "checkpoints" / "last.ckpt")
    assert (trained.epoch, trained.path) == (3, finished)


def damaged(directory: Path, what: str) -> Path:
    """A run with one thing wrong; what to load."""
    last = directory / "checkpoints" / "last.ckpt"
    config = read_json(directory / "config.json")
    if what == "nothing there":
        return directory / "nothing"
    if what == "no run":
        (directory / "config.json").unlink()
    elif what == "cut off":
        last.write_bytes(last.read_bytes()[:5000])
    elif what == "no checkpoint":
        last.unlink()
    elif what == "another network":
        config["model"]["nb_hidden"] = 25
    elif what == "another run's result":
        config["seed"] = 7
    elif what == "a key of another version":
        config["model"]["mystery"] = 1
    elif what == "a newer result":
        result = read_json(directory / "result.json")
        (directory / "result.json").write_text(json.dumps(result | {"schema_version": 99}))
    elif what == "damaged record":
        content = torch.load(last, weights_only=True)
        content["Randman"] = {"nb_units": 40}
        torch.save(content, last)
    if what != "no run":
        (directory / "config.json").write_text(json.dumps(config))
    if what == "another network":
        for name in ("status.json", "result.json"):
            (directory / name).unlink()
    return directory


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("nothing there", "no such directory"),
        ("no run", "holds no run"),
        ("cut off", "damaged"),
        ("no checkpoint", "there is best.ckpt"),
        ("another network", "hidden.0.recurrent_weight is [24, 24] there and [25, 25]"),
        ("another run's result", "of another configuration"),
        ("a key of another version", "mystery"),
        ("a newer result", "newer version"),
        ("damaged record", "another version"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(copied: Path, what: str, said: str) -> None:
    with pytest.raises(SnnError) as error:
        snn.load(damaged(copied, what), "last")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((2, 41), int),
        np.zeros((2, 40)),
        np.full((2, 40), 30),
        np.full((2, 40), -1),
        [[1, 2], [3]],
        "text",
        None,
        torch.full((2, 30, 40), float("nan")),
        EventStore.from_events([0], [1], [2], nb_samples=1, nb_steps=31, nb_units=40),
    ],
    ids=str,
)
def test_samples_that_do_not_fit_are_refused(finished: Path, x) -> None:
    with pytest.raises(SnnError) as error:
        snn.load(finished).predict(x)
    assert "\n" not in str(error.value)


def test_an_own_encode_that_fails_is_named_with_what_is_expected(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = snn.load(finished)
    monkeypatch.setattr(type(trained.data), "encode", lambda self, raw: np.zeros(3)[raw])
    said = r"Randman.encode\(\) cannot take this input .*or a tensor \[sample, 30, 40\]"
    with pytest.raises(InputError, match=said) as error:
        trained.predict(7)
    assert isinstance(error.value.__cause__, IndexError)


@pytest.mark.parametrize(
    "raw",
    [
        ([0.1, 0.2], [1]),
        ([0.1], [70]),
        ([0.1], [-1]),
        ([-0.1], [1]),
        ([float("nan")], [1]),
        ([0.1], [1.5]),
        [0.1],
        3,
        ([["a"]], [["b"]]),
    ],
    ids=str,
)
def test_recordings_that_do_not_fit_are_refused(raw) -> None:
    data = SHD(nb_steps=10)
    data.nb_units = 70
    with pytest.raises(SnnError):
        data.encode(raw)
    assert data.encode(([], [])).nb_events == 0


@pytest.mark.parametrize(
    "raw",
    [np.zeros((2, 27, 28), np.uint8), np.zeros((2, 28, 28)), np.full((1, 28, 28), 256), "x"],
    ids=["shape", "floats", "range", "text"],
)
def test_images_that_do_not_fit_are_refused(raw) -> None:
    with pytest.raises(SnnError):
        FashionMNIST().encode(raw)
    assert len(FashionMNIST().encode(np.zeros((0, 28, 28), np.uint8))) == 0
