import gzip
import logging

import h5py
import numpy as np
import pytest
import torch

from snn.data import SHD
from snn.errors import ConfigError, DataError, InputError
from tests.data.files import write_shd, write_spike_file


def simple(path, **changes):
    """Two recordings of three spikes each."""
    content = {
        "times": [[0.0, 0.5, 1.0], [0.1, 0.2, 0.3]],
        "units": [[0, 1, 2], [3, 3, 4]],
        "labels": [0, 1],
        **changes,
    }
    return write_spike_file(path, **content)


@pytest.fixture
def pair(root):
    """A sound training and test file; returns the test file."""
    simple(root / "SHD/shd_train.h5")
    return simple(root / "SHD/shd_test.h5")


def test_tiny_files(places, root):
    write_shd(root, 80, 40, nb_classes=4, nb_units=70)
    data = SHD(**places)
    data.prepare_data()
    data.setup()
    assert (data.nb_units, data.nb_classes) == (70, 4)
    assert data.class_names == ["digit 0", "digit 1", "digit 2", "digit 3"]
    assert (len(data.train), len(data.val), len(data.test)) == (72, 8, 40)
    assert data.val_splits == ("val", "train")
    assert data.test_splits == ("train", "val", "test", "test_unheard")
    assert data.speakers["train"].shape == (72,)
    assert data.speakers["test_unheard"].unique().tolist() == [4]
    assert len(data.eval_dataloaders()) == 4
    unheard = data.test.labels[data.speakers["test"] == 4]
    assert torch.equal(data.test_unheard.labels, unheard)


@pytest.mark.parametrize("time_dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("unit_dtype", [np.uint16, np.int32, np.int64])
def test_spikes_are_binned_by_the_formula(places, root, time_dtype, unit_dtype):
    rng = np.random.default_rng(5)
    lengths = [50, 0, 700, 1]
    times = [rng.uniform(0, 1.6, n).astype(time_dtype) for n in lengths]
    units = [rng.integers(0, 9, n) for n in lengths]
    kinds = {"time_dtype": time_dtype, "unit_dtype": unit_dtype}
    for part in ("train", "test"):
        path = root / f"SHD/shd_{part}.h5"
        write_spike_file(path, times, units, [0, 1, 0, 1], **kinds)
    expected, late = np.zeros((4, 30, 9)), 0
    for sample in range(4):
        for time, unit in zip(times[sample].astype(float), units[sample], strict=True):
            step = int(np.floor(time / (1.4 / 30)))
            if step < 30:
                expected[sample, step, unit] += 1
            else:
                late += 1
    assert expected.max() > 1
    assert late > 10
    data = SHD(**places, nb_steps=30, nb_units=9, val_fraction=0.0)
    data.setup()
    dense = data.test[torch.arange(4)][0].to_dense(torch.float64)
    assert torch.equal(dense, torch.from_numpy(expected))
    assert data.summary["test_file_dropped_events"] == late
    assert data.summary["test_empty_samples"] == 1
    assert data.test_splits == ("train", "test")


@pytest.mark.parametrize(("channels_per_unit", "nb_units"), [(1, 5), (2, 3), (5, 1), (8, 1)])
def test_neighbouring_channels_share_a_unit(places, pair, channels_per_unit, nb_units):
    data = SHD(**places, nb_steps=14, channels_per_unit=channels_per_unit, val_fraction=0.0)
    data.setup()
    assert data.nb_units == nb_units
    dense = data.test[torch.arange(2)][0].to_dense(torch.float64)
    plain = SHD(**places, nb_steps=14, val_fraction=0.0)
    plain.setup()
    expected = torch.zeros(2, 14, nb_units, dtype=torch.float64)
    fine = plain.test[torch.arange(2)][0].to_dense(torch.float64)
    expected.index_add_(2, torch.arange(5) // channels_per_unit, fine)
    assert torch.equal(dense, expected)


def in_milliseconds(times):
    return [[1000 * t + 5 for t in recording] for recording in times]


def test_times_that_are_no_seconds_are_refused(places, root, pair):
    late = in_milliseconds([[0.0, 0.5, 1.0], [0.1, 0.2, 0.3]])
    path = simple(root / "SHD/shd_train.h5", times=late)
    data = SHD(**places, val_fraction=0.0)
    said = r"6 of 6 spikes come after data.max_time=1.4 s: are the times in seconds"
    with pytest.raises(DataError, match=f"{path}: {said}"):
        data.setup()
    data.nb_units = 5
    with pytest.raises(InputError, match="the recordings: 3 of 3 spikes come after"):
        data.encode((late[0], [0, 1, 2]))


def test_a_loss_of_spikes_is_said(places, root, pair, caplog):
    simple(root / "SHD/shd_train.h5", times=[[0.0, 0.5, 9.0], [0.1, 0.2, 1.5]])
    with caplog.at_level(logging.WARNING, logger="snn"):
        SHD(**places, val_fraction=0.0).setup()
    [said] = [record.getMessage() for record in caplog.records]
    assert said.endswith("2 of 6 spikes come after data.max_time=1.4 s and are dropped")
    assert "shd_train.h5" in said


def test_recordings_are_read_in_chunks(places, root, monkeypatch):
    write_shd(root, 20, 20)
    dense = []
    for i, chunk in enumerate((512, 7)):
        monkeypatch.setattr("snn.data.spike_hdf5._CHUNK", chunk)
        data = SHD(**{**places, "cache": str(root / f"cache{i}")})
        data.setup()
        dense.append(data.test[torch.arange(20)][0].to_dense())
    assert dense[0].sum() > 0
    assert torch.equal(*dense)


def test_other_files_relative_and_absolute_and_packed(places, root, tmp_path):
    simple(root / "mine/a.h5")
    packed = simple(tmp_path / "else/b.h5")
    packed.with_name("b.h5.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    data = SHD(**places, train_file="mine/a.h5", test_file=str(packed), val_fraction=0.0)
    data.setup()
    assert len(data.test) == 2
    assert (data.nb_units, data.nb_classes) == (5, 2)
    assert sorted(path.name for path in packed.parent.iterdir()) == ["b.h5.gz"]


@pytest.mark.parametrize("part", ["train", "test"])
def test_packed_official_names(places, root, part, pair):
    path = root / f"SHD/shd_{part}.h5"
    path.with_name(f"shd_{part}.h5.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    data = SHD(**places, val_fraction=0.0)
    data.setup()
    assert len(data.train) == len(data.test) == 2


CHANGES = {
    "negative time": ({"times": [[0.0, 0.5, 1.0], [0.1, -0.2, 0.3]]}, "sample 1, spike 1: -0.2"),
    "nan": ({"times": [[0.0, 0.5, 1.0], [0.1, 0.2, np.nan]]}, "sample 1, spike 2: nan s is no"),
    "infinite": ({"times": [[np.inf, 0.5, 1.0], [0.1, 0.2, 0.3]]}, "sample 0, spike 0: inf"),
    "unit": ({"units": [[0, 1, 2], [3, 700, 4]]}, "sample 1, spike 1: 700 is no unit id of 0..699"),
    "lengths": ({"units": [[0, 1, 2], [3]]}, "sample 1: 3 spike times, but 1 units"),
    "label": ({"labels": [0, 7], "keys": ["a", "b"]}, "sample 1 has label 7, outside 0..1"),
    "rows": ({"labels": [0]}, "2 rows in spikes/times, but 1 labels"),
    "speakers": ({"speakers": [0]}, "1 entries in extra/speaker"),
    "nothing": ({"times": [], "units": [], "labels": []}, "holds no recording"),
}


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("change", CHANGES)
def test_damage_ends_with_file_and_place(places, root, pair, part, change):
    changes, message = CHANGES[change]
    SHD(**{**places, "cache": str(root / "sound")}, val_fraction=0.0).setup()
    path = simple(root / f"SHD/shd_{part}.h5", **changes, time_dtype=np.float64)
    with pytest.raises(DataError) as error:
        SHD(**places, val_fraction=0.0).setup()
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_negative_units_and_labels(places, pair):
    path = simple(pair, units=[[0, 1, 2], [3, -2, 4]], unit_dtype=np.int32)
    with pytest.raises(DataError, match=r"sample 1, spike 1: -2 is no unit id"):
        SHD(**places, val_fraction=0.0).setup()
    simple(path)
    with h5py.File(path, "a") as file:
        del file["labels"]
        file["labels"] = np.array([0, -1], np.int16)
    with pytest.raises(DataError, match="labels: sample 1 has -1"):
        SHD(**places, val_fraction=0.0).setup()


def test_labels_without_names_must_leave_no_gap(places, root, pair):
    path = simple(root / "SHD/shd_train.h5", labels=[0, 2])
    with pytest.raises(DataError, match="none is 1") as error:
        SHD(**places, val_fraction=0.0).setup()
    assert str(path) in str(error.value)


def test_units_beyond_the_given_number(places, pair):
    with pytest.raises(DataError, match=r"4 is no unit id of 0\.\.3"):
        SHD(**places, val_fraction=0.0, nb_units=4).setup()
    data = SHD(**places, val_fraction=0.0, nb_units=1000)
    data.setup()
    assert data.nb_units == data.test.inputs.nb_units == 1000


@pytest.mark.parametrize("name", ["spikes/times", "spikes/units", "labels"])
def test_a_missing_part(places, pair, name):
    with h5py.File(pair, "a") as file:
        del file[name]
    with pytest.raises(DataError, match=f"{name} is missing") as error:
        SHD(**places, val_fraction=0.0).setup()
    assert str(pair) in str(error.value)


@pytest.mark.parametrize("part", [0.0, 0.5, 0.95])
def test_truncated_h5(places, root, part):
    folder = write_shd(root)
    path = folder / "shd_test.h5"
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(DataError, match="truncated or damaged") as error:
        SHD(**places).setup()
    assert str(path) in str(error.value)


def test_truncated_gz(places, root, pair):
    packed = pair.with_name("shd_test.h5.gz")
    packed.write_bytes(gzip.compress(pair.read_bytes())[:-20])
    pair.unlink()
    with pytest.raises(DataError, match="truncated or damaged gzip") as error:
        SHD(**places, val_fraction=0.0).setup()
    assert str(packed) in str(error.value)


def test_missing_files(places, root):
    with pytest.raises(DataError, match=r"mine\.h5 is missing"):
        SHD(**places, train_file="mine.h5").setup()
    with pytest.raises(DataError, match=r"wanted: SHD/shd_train\.h5\.gz") as error:
        SHD(**places).setup()
    assert "md5:d47c9825dee33347913e8ce0f2be08b0" in str(error.value)
    assert "wanted: SHD/shd_test.h5.gz" in str(error.value)


def test_validation_by_speaker(places, root):
    write_shd(root, 80, 40)
    data = SHD(**places, split="speaker", val_fraction=0.25)
    data.setup()
    train, val = data.speakers["train"].unique(), data.speakers["val"].unique()
    assert len(val) == 1
    assert not torch.isin(val, train).any()
    assert len(data.train) + len(data.val) == 80
    given = SHD(**places, split="speaker", val_speakers=[1, 2])
    given.setup()
    assert given.speakers["val"].unique().tolist() == [1, 2]


@pytest.mark.parametrize("speakers", [[9], [0, 1, 2, 3], []])
def test_speakers_that_cannot_validate(places, root, speakers):
    write_shd(root)
    with pytest.raises(ConfigError, match="some, not all, of the speakers"):
        SHD(**places, split="speaker", val_speakers=speakers).setup()


def test_speaker_split_without_speakers(places, pair):
    with pytest.raises(DataError, match="has no extra/speaker"):
        SHD(**places, split="speaker", val_fraction=0.5).setup()


@pytest.mark.parametrize(
    "values",
    [{"split": "x"}, {"max_time": 0.0}, {"val_speakers": [1]}, {"nb_steps": 0}],
)
def test_impossible_values(values):
    with pytest.raises(ConfigError, match=f"data.{next(iter(values))}"):
        SHD(**values)


@pytest.mark.real_data
def test_real_spoken_digits(real_places):
    files = {f"{part}_file": f"FSDD-Lauscher/{part}.h5" for part in ("train", "test")}
    data = SHD(**real_places, **files, max_time=0.8)
    data.setup()
    assert (data.nb_units, data.nb_classes) == (700, 10)
    assert data.class_names[3] == "three"
    assert (len(data.train), len(data.val), len(data.test)) == (1692, 188, 620)
    assert len(data.test_unheard) == 500
    facts = data.summary
    assert (
        facts["train_events"] + facts["val_events"]
        == 6_942_190 - (facts["train_file_dropped_events"])
    )
    assert facts["train_file_dropped_events"] < 1000
