import gzip
import pickle
import zipfile

import numpy as np
import pytest
import torch

from snn.data import TBL
from snn.errors import ConfigError, DataError
from tests.data.files import braille_records, write_tbl


def write_records(root, records):
    path = write_tbl(root)
    path.write_bytes(gzip.compress(pickle.dumps(records)))
    return path


@pytest.mark.parametrize("packed", [True, False])
def test_tiny_file(places, root, packed):
    write_tbl(root, 5, 20, packed=packed)
    data = TBL(**places)
    data.prepare_data()
    data.setup()
    assert (data.nb_units, data.nb_classes, data.analog) == (4, 5, True)
    assert data.class_names == ["Space", "A", "B", "C", "D"]
    assert (len(data.train), len(data.val), len(data.test)) == (72, 8, 20)
    assert torch.bincount(data.test.labels).tolist() == [4] * 5
    inputs, labels = next(iter(data.train_dataloader()))
    assert inputs.shape == (72, 76, 4)
    assert inputs.dtype is torch.float32
    assert labels.dtype is torch.int64


def test_signals_by_the_recipe(places, root):
    write_tbl(root)
    data = TBL(**places, nb_steps=152, taxels=[10, 2])
    data.setup()
    raw = np.stack([record["taxel_data"][:76] for record in braille_records()])
    x = 1 - raw[:, :, [10, 2]] / 255
    train = x[data.train.index.numpy()]
    x = (x - train.mean((0, 1))) / train.std((0, 1))
    expected = torch.from_numpy(np.repeat(x, 2, axis=1)).float()
    inputs, labels = data.test[torch.arange(len(data.test))]
    assert torch.allclose(inputs, expected[data.test.index], atol=1e-6)
    assert torch.equal(labels, data.test.index // 20)
    assert data.time_step == 1.0


def test_statistics_come_from_training_samples_alone(places, root):
    write_tbl(root)
    data = TBL(**places)
    data.setup()
    train, _ = data.train[torch.arange(len(data.train))]
    assert train.double().mean((0, 1)).abs().max() < 1e-6
    assert (train.double().std((0, 1), correction=0) - 1).abs().max() < 1e-6
    test, _ = data.test[torch.arange(len(data.test))]
    assert test.double().mean((0, 1)).abs().max() > 1e-6


def test_the_test_part_does_not_depend_on_the_validation_part(places, root):
    write_tbl(root)
    parts = []
    for val_fraction, seed in ((0.1, 0), (0.0, 1)):
        data = TBL(**places, val_fraction=val_fraction, seed=seed)
        data.setup()
        parts.append(data.test.index)
    assert torch.equal(*parts)
    assert data.val is None


def test_a_constant_taxel_becomes_zero(places, root):
    write_tbl(root)
    data = TBL(**places, taxels=[0, 1])
    data.setup()
    inputs, _ = data.train[torch.arange(5)]
    assert (inputs[:, :, 0] == 0).all()
    assert inputs[:, :, 1].std() > 0.1


def damaged(change):
    records = braille_records()
    change(records[7])
    return records


DAMAGES = {
    "taxels": (
        lambda r: r.update(taxel_data=r["taxel_data"][:, :11]),
        "recording 7 (letter Space): taxel_data has shape (77, 11), expected (samples, 12 taxels)",
    ),
    "not a table": (lambda r: r.update(taxel_data=["a"]), "no table of numbers"),
    "nan": (lambda r: r["taxel_data"].__setitem__((3, 2), np.nan), "sample 3, taxel 2: nan"),
    "range": (lambda r: r["taxel_data"].__setitem__((4, 1), 256.0), "sample 4, taxel 1: 256.0"),
    "letter": (lambda r: r.update(letter="ß"), "the letter 'ß' is neither"),
    "key": (lambda r: r.pop("letter"), "expected a dict with letter"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_ends_with_file_and_place(places, root, damage):
    change, message = DAMAGES[damage]
    path = write_records(root, damaged(change))
    with pytest.raises(DataError) as error:
        TBL(**places).setup()
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "recording 7" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(pickle.dumps([]), mtime=0), "holds no recording"),
        (gzip.compress(pickle.dumps("text"), mtime=0), "found a str"),
        (gzip.compress(pickle.dumps(braille_records())[:-500]), "damaged pickle"),
        (gzip.compress(pickle.dumps(braille_records()))[:-500], "damaged gzip"),
        (b"", "damaged"),
    ],
    # A name from the content would hold the time of its packing.
    ids=["empty", "text", "cut pickle", "cut gzip", "nothing"],
)
def test_damaged_files(places, root, content, message):
    path = write_tbl(root)
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        TBL(**places).setup()
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("nb_steps", {"nb_steps": 100}),
        ("taxels", {"taxels": [1, 12]}),
        ("taxels", {"taxels": [1, 1]}),
        ("taxels", {"taxels": []}),
        ("test_fraction", {"test_fraction": 1.0}),
        ("source", {"source": "elsewhere"}),
    ],
)
def test_impossible_values(key, values):
    with pytest.raises(ConfigError) as error:
        TBL(**values)
    assert error.value.key == f"data.{key}"


def test_a_recording_that_is_too_short_for_nb_steps(places, root):
    records = braille_records()
    records[5]["taxel_data"] = records[5]["taxel_data"][:75]
    write_records(root, records)
    with pytest.raises(ConfigError, match="a multiple of 75"):
        TBL(**places).setup()


def columns(records):
    return {name: [record[name] for record in records] for name in ("letter", "taxel_data")}


@pytest.mark.parametrize("name", ["data_braille_letters_raw", "data_braille_letters_digits.pkl"])
@pytest.mark.parametrize("place", ["", "data/", "zip", "zip data/"])
def test_zenodo_layouts(places, root, name, place):
    records = braille_records()
    content = records if name.endswith("raw") else columns(records)
    content = pickle.dumps(content, protocol=2)
    folder = root / "TBL"
    folder.mkdir()
    if place.startswith("zip"):
        with zipfile.ZipFile(folder / "reading_braille_data.zip", "w") as archive:
            archive.writestr("data_braille_letters_th_1.pkl", b"something else")
            archive.writestr(f"{place[4:]}{name}", content)
    else:
        (folder / place).mkdir(exist_ok=True)
        (folder / place / name).write_bytes(content)
    data = TBL(**places, source="zenodo")
    data.setup()
    write_tbl(root)
    pack = TBL(**places)
    pack.setup()
    assert torch.equal(data.test[torch.arange(20)][0], pack.test[torch.arange(20)][0])


def test_zenodo_missing_or_damaged(places, root):
    with pytest.raises(DataError, match=r"zenodo\.org/records/7050094"):
        TBL(**places, source="zenodo").setup()
    (root / "TBL").mkdir()
    archive = root / "TBL/reading_braille_data.zip"
    archive.write_bytes(b"PK\3\4 and no more")
    with pytest.raises(DataError, match="damaged zip"):
        TBL(**places, source="zenodo").setup()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("readme", "")
    with pytest.raises(DataError, match="holds none of"):
        TBL(**places, source="zenodo").setup()


@pytest.mark.real_data
def test_real_recordings(real_places):
    data = TBL(**real_places)
    data.setup()
    assert (data.nb_classes, data.nb_units) == (27, 4)
    assert (len(data.train), len(data.val), len(data.test)) == (972, 108, 270)
    assert data.summary["longest_recording_samples"] == 77
    assert torch.bincount(data.test.labels).tolist() == [10] * 27
    inputs, _ = data.train[torch.arange(len(data.train))]
    assert torch.isfinite(inputs).all()
    assert (inputs.std((0, 1)) - 1).abs().max() < 1e-2
