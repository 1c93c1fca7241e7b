"""Speakers that are names, or unknown."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from snn.data import SHD
from snn.errors import ConfigError, DataError
from tests.data.files import write_shd

NAMES = ["Ute", "Ada", "Zoë", "Kim", "Eve"]


def speak(path: Path, change) -> None:
    """Write other speakers in place of a file's numbers."""
    with h5py.File(path, "a") as file:
        numbers = file["extra/speaker"][()]
        del file["extra/speaker"]
        file["extra/speaker"] = change(numbers)


def names(numbers):
    return np.array([NAMES[n] for n in numbers], h5py.string_dtype())


def some_unknown(numbers):
    return np.where(numbers == 1, -1, numbers.astype(np.int16))


def some_nameless(numbers):
    return np.array([NAMES[n] if n != 1 else "" for n in numbers], h5py.string_dtype())


@pytest.fixture
def files(root):
    folder = write_shd(root, 80, 40)
    return folder / "shd_train.h5", folder / "shd_test.h5"


@pytest.mark.parametrize("change", [names, some_unknown, some_nameless, lambda n: n * 1.0])
def test_a_file_is_usable_where_nobody_asks(places, files, change) -> None:
    for path in files:
        speak(path, change)
    data = SHD(**places)
    data.setup()
    assert (len(data.train), len(data.val), len(data.test)) == (72, 8, 40)
    if change is names:
        heard = {data.speaker_names[i] for i in data.speakers["train"].tolist()}
        assert heard == set(NAMES[:4])
        assert len(data.test_unheard) == 8
    else:
        assert data.speakers == {}
        assert data.test_unheard is None


def test_names_are_speakers(places, files) -> None:
    numbers = SHD(**places, split="speaker", val_speakers=[0, 2])
    numbers.setup()
    for path in files:
        speak(path, names)
    named = SHD(**places, split="speaker", val_speakers=["Ute", "Zoë"])
    named.setup()
    assert named.val.index.tolist() == numbers.val.index.tolist()
    chosen = SHD(**places, split="speaker", val_fraction=0.25)
    chosen.setup()
    assert len(chosen.speakers["val"].unique()) == 1
    with pytest.raises(ConfigError, match=r"of the speakers \['Ada', 'Kim', 'Ute', 'Zoë'\]"):
        SHD(**places, split="speaker", val_speakers=["Eve"]).setup()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (some_unknown, "sample 4 has -1, an unknown speaker"),
        (some_nameless, "sample 4 has '', an unknown speaker"),
        (lambda numbers: numbers * 1.0, "expected integers or names, found float64"),
    ],
)
def test_unknown_speakers_cannot_be_split(places, files, change, said) -> None:
    speak(files[0], change)
    with pytest.raises(DataError) as error:
        SHD(**places, split="speaker").setup()
    assert str(error.value).startswith(f"{files[0]}: extra/speaker: {said}; ")
    assert "data.split=stratified" in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_speakers_of_the_test_do_not_matter_to_a_split(places, files) -> None:
    speak(files[1], some_unknown)
    data = SHD(**places, split="speaker", val_speakers=[3])
    data.setup()
    assert data.speakers["val"].unique().tolist() == [3]
    assert data.speakers.keys() == {"train", "val"}
    assert data.test_unheard is None


@pytest.mark.parametrize("dtype", [">u2", ">i8", "i1"])
def test_speakers_of_any_byte_order(places, files, dtype) -> None:
    for path in files:
        speak(path, lambda numbers: numbers.astype(dtype)[:, None])
    data = SHD(**places)
    data.setup()
    assert data.speakers["test_unheard"].unique().tolist() == [4]


def test_labels_that_start_at_one(places, files) -> None:
    for path in files:
        with h5py.File(path, "a") as file:
            file["labels"][...] = file["labels"][()] + 1
    with pytest.raises(DataError, match=r"has label 4, outside 0\.\.3; labels start at 0"):
        SHD(**places).setup()
    for path in files:
        with h5py.File(path, "a") as file:
            del file["extra/keys"]
    with pytest.raises(DataError, match="none is 0, and there are no class names in extra/keys; "
                                        "labels must start at 0"):  # fmt: skip
        SHD(**places).setup()
