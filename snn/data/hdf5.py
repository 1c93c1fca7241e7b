"""Numbers of an HDF5 file, as the file means them.

h5py hands out rows of variable length with their bytes as they lie in the file, and calls them
native whatever their byte order is (its issues 1738 and 1739; so it does in 3.16). Here the file's
own type decides.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import h5py
import numpy as np
from h5py import h5t

from snn.errors import DataError

_OTHER_ORDER = h5t.ORDER_BE if sys.byteorder == "little" else h5t.ORDER_LE
_ORDERS = (h5t.ORDER_LE, h5t.ORDER_BE, h5t.ORDER_NONE)


class opened:
    """Opens an HDF5 file and turns what h5py raises, also while reading, into DataErrors."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> h5py.File:
        try:
            self.file = h5py.File(self.path, "r")
        except OSError as error:
            raise self._error(error) from error
        return self.file

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        self.file.close()
        if isinstance(error, OSError | RuntimeError | KeyError):
            raise self._error(error) from error

    def _error(self, error: BaseException) -> DataError:
        return DataError(
            f"{self.path}: no HDF5 file, or a truncated or damaged one ({error}); fetch it again"
        )


def find_dataset(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """A data set of the file.

    Raises:
        DataError: there is none of that name.
    """
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise DataError(f"{path}: {name} is missing; expected the layout of SHD")
    return dataset


def one_per_sample(path: Path, dataset: h5py.Dataset) -> np.ndarray:
    """The whole data set of shape ``[sample]`` or ``[sample, 1]``, as ``[sample]``.

    Raises:
        DataError: it has another shape.
    """
    shape = dataset.shape
    if shape is None or len(shape) not in (1, 2) or shape[1:] not in ((), (1,)):
        raise DataError(f"{path}: {named(dataset)}: expected one value per sample, found {shape}")
    return np.asarray(dataset[()]).reshape(len(dataset))


def whole_numbers(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """The values as int64.

    Raises:
        DataError: they are no integers, or one is below 0.
    """
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"{path}: {name}: expected integers [sample], found {values.dtype}")
    values = values.astype(np.int64)
    if (wrong := np.flatnonzero(values < 0)).size:
        raise DataError(f"{path}: {name}: sample {wrong[0]} has {values[wrong[0]]}, below 0")
    return values


@dataclass(frozen=True)
class Rows:
    """A row of numbers per sample: of variable length, or all of one length.

    Attributes:
        dataset: in the file.
        dtype: of its numbers, with the byte order that they have in the file.
        variable: whether rows have lengths of their own.
    """

    dataset: h5py.Dataset
    dtype: np.dtype
    variable: bool

    @classmethod
    def of(cls, path: Path, dataset: h5py.Dataset, *, kinds: str, expected: str) -> Rows:
        """The rows of a data set.

        Args:
            path: of the file, for messages.
            dataset: in the file.
            kinds: numpy's letters of the kinds of numbers that will do.
            expected: what they are, for messages.

        Raises:
            DataError: it holds no rows, or no such numbers.
        """
        kind = dataset.id.get_type()
        variable = isinstance(kind, h5t.TypeVlenID)
        element = kind.get_super() if variable else kind
        where = f"{path}: {named(dataset)}"
        if dataset.shape is None or len(dataset.shape) != (1 if variable else 2):
            raise DataError(
                f"{where}: expected one row of {expected} per sample, found "
                f"{'rows of variable length in' if variable else dataset.dtype} {dataset.shape}"
            )
        numbers = isinstance(element, h5t.TypeIntegerID | h5t.TypeFloatID)
        if not numbers or element.get_order() not in _ORDERS or element.dtype.kind not in kinds:
            raise DataError(f"{where}: expected {expected}, found {_type_name(element)}")
        rows = cls(dataset, element.dtype, variable)
        if rows.is_foreign and rows.dtype.itemsize > 8:  # of which every machine has its own
            raise DataError(
                f"{where}: expected {expected} of at most 8 bytes, found {rows.dtype.str}"
            )
        return rows

    @property
    def is_foreign(self) -> bool:
        """Whether these are rows of variable length in another byte order than this machine's."""
        return self.variable and not self.dtype.isnative

    def __len__(self) -> int:
        return len(self.dataset)

    def read(self, samples: slice) -> tuple[np.ndarray, np.ndarray]:
        """(lengths int64 ``[sample]``, all numbers one after the other in native byte order)."""
        native = self.dtype.newbyteorder("=")
        block = self.dataset[samples]
        if not self.variable:
            lengths = np.full(len(block), block.shape[1], np.int64)
            return lengths, block.reshape(-1).astype(native, copy=False)
        lengths = np.array([len(row) for row in block], np.int64)
        values = np.concatenate([np.empty(0, native), *(row for row in block if len(row))])
        if self.is_foreign and _left_as_they_lie(self.dtype):
            values = values.byteswap()
        return lengths, values


def foreign_rows(path: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Those of the data sets whose rows are of variable length and in a foreign byte order.

    Returns:
        ``{name: type}``, e.g. ``{"spikes/times": ">f4"}``.

    Raises:
        DataError: no HDF5 file, or a truncated one.
    """
    found = {}
    with opened(path) as file:
        for name in names:
            dataset = file.get(name)
            kind = dataset.id.get_type() if isinstance(dataset, h5py.Dataset) else None
            if isinstance(kind, h5t.TypeVlenID):
                element = kind.get_super()
                numbers = isinstance(element, h5t.TypeIntegerID | h5t.TypeFloatID)
                if numbers and element.get_order() == _OTHER_ORDER:
                    found[name] = element.dtype.str
    return found


def named(dataset: h5py.Dataset) -> str:
    """The name of a data set without its leading slash."""
    return dataset.name.lstrip("/")


def _type_name(element: h5t.TypeID) -> str:
    try:
        return str(element.dtype)
    except TypeError:  # numpy has no such type
        return type(element).__name__


@cache
def _left_as_they_lie(dtype: np.dtype) -> bool:
    """Whether this h5py leaves the bytes of such rows as they lie in the file.

    Tried on a file in memory whose bytes are looked at: what is right in one version is wrong in
    the next that mends it.
    """
    row = np.frombuffer(bytes(range(1, 33)), dtype)
    with h5py.File("probe", "w", driver="core", backing_store=False) as file:
        dataset = file.create_dataset("rows", (1,), h5py.vlen_dtype(dtype))
        dataset[0] = row
        file.flush()
        as_meant = row.tobytes() in file.id.get_file_image()
        read = np.concatenate([dataset[0]])
    meant = row if as_meant else row.byteswap()
    return read.tobytes() != meant.astype(dtype.newbyteorder("=")).tobytes()
