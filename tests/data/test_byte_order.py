"""HDF5 files of every number type, byte order and layout mean the same events."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from h5py import h5d, h5s, h5t
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.data import SHD, hdf5
from snn.data.spike_hdf5 import Binning, encode_file, reading_key
from snn.errors import DataError

ORDERS = st.sampled_from("<>")
FLOATS = st.sampled_from(["f2", "f4", "f8"])
INTEGERS = st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])
LAYOUTS = st.sampled_from(["variable", "variable chunked", "fixed", "chunked"])
FILTERS = st.sampled_from([{}, {"compression": "gzip"}, {"compression": "lzf", "shuffle": True}])

BINNING = Binning(max_time=1.0, nb_steps=16, nb_channels=None)
RNG = np.random.default_rng(3)
LENGTHS = [4, 0, 7, 1]
TIMES = [RNG.integers(0, 64, n) / 64 for n in LENGTHS]
UNITS = [RNG.integers(0, 100, n) for n in LENGTHS]
TABLE = RNG.integers(0, 64, (4, 5)) / 64, RNG.integers(0, 100, (4, 5))


def write_rows(file: h5py.File, name: str, rows: list, dtype: str, layout: str, filters: dict):
    if layout.startswith("variable"):
        chunks = {"chunks": (2,), **filters} if "chunked" in layout else {}
        kind = h5py.vlen_dtype(np.dtype(dtype))
        dataset = file.create_dataset(name, (len(rows),), kind, **chunks)
        for i, row in enumerate(rows):
            if len(row):  # else it stays as it was made, without a row
                dataset[i] = np.asarray(row, dtype)
        return
    chunks = {"chunks": (2, 2), **filters} if layout == "chunked" else {}
    file.create_dataset(name, data=np.asarray(rows, dtype), **chunks)


def write(path: Path, time: str, unit: str, label: str, layouts: tuple[str, str], filters: dict):
    with h5py.File(path, "w") as file:
        variable = layouts[0].startswith("variable")
        times, units = (TIMES, UNITS) if variable else TABLE
        write_rows(file, "spikes/times", times, time, layouts[0], filters)
        write_rows(file, "spikes/units", units, unit, layouts[1], filters)
        file.create_dataset("labels", data=np.array([0, 1, 1, 0], label))
    return path


def same(a, b) -> None:
    assert torch.equal(a.events.indptr, b.events.indptr)
    assert torch.equal(a.events.units, b.events.units)
    assert a.facts == b.facts
    assert a.arrays.keys() == b.arrays.keys()
    for name, values in a.arrays.items():
        assert torch.equal(values, b.arrays[name])


@settings(max_examples=80, deadline=None)
@given(
    time=FLOATS, unit=INTEGERS, label=INTEGERS, orders=st.tuples(ORDERS, ORDERS, ORDERS),
    layouts=st.tuples(LAYOUTS, LAYOUTS), filters=FILTERS,
)  # fmt: skip
def test_a_file_means_what_its_native_twin_means(
    tmp_path_factory, time, unit, label, orders, layouts, filters
) -> None:
    variable = layouts[0].startswith("variable")
    if variable != layouts[1].startswith("variable"):
        layouts = (layouts[0], layouts[0])
    folder = tmp_path_factory.getbasetemp()
    types = [order + kind for order, kind in zip(orders, (time, unit, label), strict=True)]
    made = write(folder / "made.h5", *types, layouts, filters)
    plain = "variable" if variable else "fixed"
    twin = write(folder / "twin.h5", "<f8", "<i8", "<i8", (plain, plain), {})
    encoded = encode_file(made, BINNING)
    same(encoded, encode_file(twin, BINNING))
    times, units = (TIMES, UNITS) if variable else TABLE
    dense = np.zeros((4, 16, encoded.events.nb_units))
    for sample in range(4):
        steps = np.floor(np.asarray(times[sample]) * 16).astype(int)
        np.add.at(dense[sample], (steps, units[sample]), 1)
    assert np.array_equal(encoded.events.to_dense(torch.float64).numpy(), dense)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["u1", "i2", "u4", "i8"])
def test_whole_seconds(tmp_path: Path, order: str, kind: str) -> None:
    binning = Binning(max_time=64.0, nb_steps=64, nb_channels=None)
    seconds = [np.array([1, 2]), np.array([3]), np.array([], int), np.array([63, 5])]
    encoded = []
    for dtype in (order + kind, "<i8"):
        with h5py.File(tmp_path / "x.h5", "w") as file:
            write_rows(file, "spikes/times", seconds, dtype, "variable", {})
            write_rows(file, "spikes/units", seconds, "<u2", "variable", {})
            file["labels"] = [0, 1, 1, 0]
        encoded.append(encode_file(tmp_path / "x.h5", binning))
    same(*encoded)


@pytest.mark.parametrize("little", [True, False])
@pytest.mark.parametrize("kind", ["bfloat16", "12 bits"])
def test_numbers_that_numpy_lacks(tmp_path: Path, kind: str, little: bool) -> None:
    if kind == "bfloat16":
        element = (h5t.IEEE_F32LE if little else h5t.IEEE_F32BE).copy()
        element.set_fields(15, 7, 8, 0, 7)
        element.set_precision(16)
        element.set_size(2)
        element.set_ebias(127)
        name, values = "spikes/times", np.array([0.5, 0.25], np.float32)
    else:
        element = (h5t.STD_I16LE if little else h5t.STD_I16BE).copy()
        element.set_precision(12)
        element.set_offset(2)
        name, values = "spikes/units", np.array([1, 600], np.int16)
    path = write(tmp_path / "x.h5", "<f4", "<i4", "<i4", ("variable", "variable"), {})
    twin = write(tmp_path / "y.h5", "<f4", "<i4", "<i4", ("variable", "variable"), {})
    rows = [np.resize(values, n) for n in LENGTHS]
    with h5py.File(path, "a") as file, h5py.File(twin, "a") as other:
        del file[name], other[name]
        space = h5s.create_simple((4,))
        dataset = h5py.Dataset(h5d.create(file.id, name.encode(), h5t.vlen_create(element), space))
        for i, row in enumerate(rows):
            dataset[i] = row
        write_rows(other, name, rows, values.dtype.str, "variable", {})
    same(encode_file(path, BINNING), encode_file(twin, BINNING))


def refusals():
    text = h5t.C_S1.copy()
    return {
        "times of text": ("spikes/times", h5t.vlen_create(text), (4,), "numbers"),
        "units of floats": ("spikes/units", h5t.vlen_create(h5t.IEEE_F32BE), (4,), "found >f4"),
        "units of truths": ("spikes/units", h5t.py_create(np.dtype(bool)), (4, 2), "integers"),
        "complex": ("spikes/times", h5t.py_create(np.dtype("c8"), logical=True), (4, 2), "numbers"),
        "large": ("spikes/times", h5t.vlen_create(h5t.py_create(np.dtype(">g"))), (4,), "8 bytes"),
        "flat": ("spikes/times", h5t.IEEE_F32LE, (4,), "one row of numbers per sample"),
        "rows of rows": ("spikes/units", h5t.vlen_create(h5t.STD_U16LE), (4, 1), "one row of"),
        "a single number": ("spikes/times", h5t.IEEE_F32LE, (), "one row of numbers per sample"),
        "labels in columns": ("labels", h5t.STD_U16LE, (4, 2), r"found \(4, 2\)"),
        "one label": ("labels", h5t.STD_U16LE, (), r"labels: expected one value per sample"),
        "rows of labels": ("labels", h5t.vlen_create(h5t.STD_U16LE), (4,), "integers"),
        "labels of floats": ("labels", h5t.IEEE_F32BE, (4,), "expected integers"),
    }


@pytest.mark.parametrize("case", refusals())
def test_other_types_and_shapes_are_refused_in_one_line(tmp_path: Path, case: str) -> None:
    name, kind, shape, message = refusals()[case]
    path = write(tmp_path / "x.h5", "<f4", "<i4", "<i4", ("variable", "variable"), {})
    with h5py.File(path, "a") as file:
        del file[name]
        h5d.create(file.id, name.encode(), kind, h5s.create_simple(shape) if shape else
                   h5s.create(h5s.SCALAR))  # fmt: skip
    with pytest.raises(DataError, match=message) as error:
        encode_file(path, BINNING)
    assert str(error.value).startswith(f"{path}: {name}: expected")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("mended", ["labelled", "swapped"])
def test_an_h5py_that_swaps_by_itself(tmp_path: Path, monkeypatch, mended: str) -> None:
    """Either way of mending it would be noticed."""
    paths = [
        write(tmp_path / f"{kind[0]}.h5", kind, "<u2", "<u2", ("variable", "variable"), {})
        for kind in (">f4", "<f4")
    ]
    expected = encode_file(paths[1], BINNING)
    read = h5py.Dataset.__getitem__

    def meant(dtype: np.dtype, row: np.ndarray) -> np.ndarray:
        if dtype.isnative:
            return row
        return row.view(dtype) if mended == "labelled" else row.byteswap()

    def mended_read(self, key):
        found = read(self, key)
        dtype = h5py.check_vlen_dtype(self.dtype)
        if dtype is None:
            return found
        if isinstance(key, int):
            return meant(dtype, found)
        for i, row in enumerate(found):
            found[i] = meant(dtype, row)
        return found

    hdf5._left_as_they_lie.cache_clear()
    monkeypatch.setattr(h5py.Dataset, "__getitem__", mended_read)
    try:
        same(encode_file(paths[0], BINNING), expected)
    finally:
        hdf5._left_as_they_lie.cache_clear()


def test_what_was_once_read_wrongly_is_encoded_anew(tmp_path: Path) -> None:
    """Only such files have another key, so that all other caches go on to be used."""
    layouts = ("variable", "variable")
    assert reading_key(write(tmp_path / "a.h5", "<f4", "<u2", ">u2", layouts, {})) == {}
    assert reading_key(write(tmp_path / "b.h5", ">f4", "u1", "<u2", layouts, {})) == {
        "foreign_rows": {"spikes/times": ">f4"}
    }
    assert reading_key(write(tmp_path / "c.h5", ">f4", ">u2", "<u2", ("fixed", "fixed"), {})) == {}


def test_labels_in_a_column(places, root) -> None:
    for part in ("train", "test"):
        (root / "SHD").mkdir(exist_ok=True)
        path = root / f"SHD/shd_{part}.h5"
        write(path, "<f4", "<i4", ">i2", ("variable", "variable"), {})
        with h5py.File(path, "a") as file:
            labels = file["labels"][()]
            del file["labels"]
            file["labels"] = labels[:, None]
    data = SHD(**places, val_fraction=0.0)
    data.setup()
    assert data.test.labels.tolist() == [0, 1, 1, 0]
