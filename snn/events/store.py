"""The one sparse spike format: compressed sparse rows, one row per (sample, step).

A store of 60,000 samples of 100 steps is three arrays' worth of metadata and one of unit ids;
a dense ``[sample, step, unit]`` tensor exists for one batch at a time only.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

_INT16_UNITS = 32767


@dataclass(frozen=True, eq=False)
class EventStore:
    """Spikes of many samples; row ``sample * nb_steps + step`` lists the units that spiked.

    Units ascend within a row, so equal spikes make equal stores. A unit that occurs twice in a row
    spiked twice in that step.

    Attributes:
        indptr: int64 ``[nb_samples * nb_steps + 1]``; row r is ``units[indptr[r]:indptr[r + 1]]``.
        units: ``[nb_events]``, int16 up to 32,767 units, else int32.
        nb_steps: time steps of a sample.
        nb_units: unit ids are ``0 .. nb_units - 1``.
    """

    indptr: Tensor
    units: Tensor
    nb_steps: int
    nb_units: int

    @property
    def nb_samples(self) -> int:
        return (self.indptr.numel() - 1) // self.nb_steps

    @property
    def nb_events(self) -> int:
        return self.units.numel()

    def __len__(self) -> int:
        return self.nb_samples

    @classmethod
    def from_events(
        cls,
        sample: ArrayLike,
        step: ArrayLike,
        unit: ArrayLike,
        *,
        nb_samples: int,
        nb_steps: int,
        nb_units: int,
    ) -> Self:
        """Builds a store from event coordinates ``[nb_events]`` in any order.

        Raises:
            ValueError: lengths differ, ids are not integers, or one is out of range; or there is
                no step or unit.
        """
        for name, size in (("nb_steps", nb_steps), ("nb_units", nb_units)):
            if size < 1:
                raise ValueError(f"{name}={size}: expected at least 1")
        ids = {
            name: _checked_ids(name, values, limit)
            for name, values, limit in (
                ("sample", sample, nb_samples),
                ("step", step, nb_steps),
                ("unit", unit, nb_units),
            )
        }
        if len({len(values) for values in ids.values()}) != 1:
            lengths = {name: len(values) for name, values in ids.items()}
            raise ValueError(f"event coordinates differ in length: {lengths}")
        return cls.from_checked(*ids.values(), nb_samples, nb_steps, nb_units)

    @classmethod
    def from_checked(
        cls,
        sample: np.ndarray,
        step: np.ndarray,
        unit: np.ndarray,
        nb_samples: int,
        nb_steps: int,
        nb_units: int,
    ) -> Self:
        """:meth:`from_events` of integer arrays that are known to be in range."""
        nb_rows = nb_samples * nb_steps
        # One integer per event, sorted by value: numpy sorts plain integers several times faster
        # than it finds a permutation, and the order within a row becomes canonical.
        small = nb_rows * nb_units < 2**31  # half the bytes, sorted twice as fast
        key = sample.astype(np.int32 if small else np.int64)
        key *= nb_steps
        key += step
        key *= nb_units
        key += unit
        if (key[1:] < key[:-1]).any():
            key.sort()
        row = key // nb_units
        key -= row * nb_units
        indptr = np.zeros(nb_rows + 1, np.int64)
        np.cumsum(np.bincount(row, minlength=nb_rows), out=indptr[1:])
        units = torch.from_numpy(key.astype(_unit_dtype(nb_units)))
        return cls(torch.from_numpy(indptr), units, nb_steps, nb_units)

    @classmethod
    def concatenate(cls, stores: Iterable[Self]) -> Self:
        """Joins stores of equal nb_steps along the samples; nb_units is the largest of theirs.

        Of stores that are made one after another, none is kept whole until the last is there.
        """
        nb_steps, nb_units = set(), 0
        lengths, units = [], []  # numbers of events take half the memory of their bounds
        for store in stores:
            nb_steps.add(store.nb_steps)
            nb_units = max(nb_units, store.nb_units)
            lengths.append(store.indptr.diff().int())
            units.append(store.units)
            del store
        if len(nb_steps) != 1:
            raise ValueError(f"cannot join stores with nb_steps {sorted(nb_steps)}")
        indptr = torch.cat([lengths[0].new_zeros(1), *lengths]).long().cumsum_(0)
        del lengths
        return cls(indptr, torch.cat(units), nb_steps.pop(), nb_units).with_units(nb_units)

    def with_units(self, nb_units: int) -> Self:
        """The same events in a space of ``nb_units`` units; the caller knows that all ids fit."""
        dtype = torch.int16 if nb_units <= _INT16_UNITS else torch.int32
        return replace(self, units=self.units.to(dtype), nb_units=nb_units)

    def take(self, index: Tensor) -> Self:
        """The chosen samples ``index`` (integers ``[n]``, in that order) as a store of their own.

        Raises:
            IndexError: an index lies outside ``0 .. nb_samples - 1`` (not checked on a GPU), or
                is no integer: of a mask take ``mask.nonzero()[:, 0]``.
        """
        if index.dtype == torch.bool or index.is_floating_point() or index.is_complex():
            raise IndexError(f"samples by an index of {index.dtype}: expected integers")
        index = index.to(self.indptr.device, torch.int64)
        if index.numel() and index.device.type == "cpu":
            low, high = index.aminmax()
            if low < 0 or high >= self.nb_samples:
                raise IndexError(f"sample index outside 0..{self.nb_samples - 1}: {low}..{high}")
        gather = _gather_cpu if index.device.type == "cpu" else _gather_device
        indptr, units = gather(self.indptr, self.units, self.nb_steps, index)
        return replace(self, indptr=indptr, units=units)

    def to_dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Spike counts ``[sample, step, unit]``. Meant for one batch, never for a data set."""
        nb_rows = self.nb_samples * self.nb_steps
        row = torch.arange(nb_rows, device=self.units.device)
        row = row.repeat_interleave(self.indptr.diff(), output_size=self.nb_events)
        dense = torch.zeros(nb_rows * self.nb_units, dtype=dtype, device=self.units.device)
        one = torch.ones((), dtype=dtype, device=self.units.device).expand(self.nb_events)
        dense.scatter_add_(0, row * self.nb_units + self.units, one)
        return dense.view(self.nb_samples, self.nb_steps, self.nb_units)

    def coordinates(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``(sample, step, unit)`` of all events in their order, int32 ``[nb_events]`` each.

        The way back from :meth:`from_events`; meant for one batch, of a store on the CPU.
        """
        per_row = np.diff(self.indptr.numpy())
        steps = np.arange(self.nb_steps, dtype=np.int32)
        samples = np.arange(self.nb_samples, dtype=np.int32)
        return (
            samples.repeat(self.counts().numpy()),
            np.tile(steps, self.nb_samples).repeat(per_row),
            self.units.numpy().astype(np.int32),
        )

    def counts(self) -> Tensor:
        """Events of each sample, int64 ``[nb_samples]``."""
        return self.indptr[:: self.nb_steps].diff()

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The store on ``device``; itself if it is there already."""
        return replace(
            self,
            indptr=self.indptr.to(device, non_blocking=non_blocking),
            units=self.units.to(device, non_blocking=non_blocking),
        )

    def save(self, directory: str | Path) -> None:
        """Writes ``indptr.npy``, ``units.npy`` and ``events.json`` into an existing directory."""
        directory = Path(directory)
        np.save(directory / "indptr.npy", self.indptr.cpu().numpy())
        np.save(directory / "units.npy", self.units.cpu().numpy())
        meta = {"nb_steps": self.nb_steps, "nb_units": self.nb_units}
        (directory / "events.json").write_text(json.dumps(meta), encoding="utf-8")

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Opens a saved store memory-mapped: pages are read when a batch touches them."""
        directory = Path(directory)
        meta = json.loads((directory / "events.json").read_text(encoding="utf-8"))
        return cls(
            load_array(directory / "indptr.npy"), load_array(directory / "units.npy"), **meta
        )


@dataclass(frozen=True, eq=False)
class EventBatch:
    """Samples ``index`` of ``store``, not yet gathered: a kernel may read the store directly.

    Attributes:
        store: the spikes of the whole data set.
        index: int64 ``[batch]``, rows of this batch.
    """

    store: EventStore
    index: Tensor

    @property
    def nb_steps(self) -> int:
        return self.store.nb_steps

    @property
    def nb_units(self) -> int:
        return self.store.nb_units

    @property
    def device(self) -> torch.device:
        return self.store.units.device

    def __len__(self) -> int:
        return self.index.numel()

    def gather(self) -> EventStore:
        """The samples of this batch alone, on the store's device."""
        return self.store.take(self.index)

    def to_dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Spike counts ``[batch, step, unit]``."""
        return self.gather().to_dense(dtype)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The batch on ``device``. From another device only its own samples travel."""
        device = torch.device(device)
        here = self.device
        if device.type == here.type and device.index in (None, here.index):
            return replace(self, index=self.index.to(here, non_blocking=non_blocking))
        gathered = self.gather().to(device, non_blocking)
        return type(self)(gathered, torch.arange(len(self), device=device))


def load_array(path: Path) -> Tensor:
    """A ``.npy`` file as a memory-mapped tensor; writing to it never reaches the file."""
    # Copy-on-write, because torch warns of tensors over read-only memory.
    return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))


def _gather_cpu(
    indptr: Tensor, units: Tensor, nb_steps: int, index: Tensor
) -> tuple[Tensor, Tensor]:
    """indptr and units of the samples ``index``."""
    # In numpy, on one thread: torch shares out even arrays this small, and where other processes
    # keep the cores busy its threads wait for each other a hundred times longer than they work.
    bounds = indptr.numpy()[index.numpy()[:, None] * nb_steps + np.arange(nb_steps + 1)]
    lengths = bounds[:, -1] - bounds[:, 0]  # bounds: [n, nb_steps + 1]
    ends = lengths.cumsum()
    shift = ends - lengths - bounds[:, 0]  # new position minus old position, per sample
    new_indptr = np.zeros(len(index) * nb_steps + 1, np.int64)
    np.add(bounds[:, 1:], shift[:, None], out=new_indptr[1:].reshape(-1, nb_steps))
    source = units.numpy()
    # A sample's events lie side by side: copying them so is ten times as fast as one by one.
    pieces = [source[first:end] for first, end in bounds[:, [0, -1]].tolist()]
    taken = np.concatenate([source[:0], *pieces])
    return torch.from_numpy(new_indptr), torch.from_numpy(taken)


def _gather_device(
    indptr: Tensor, units: Tensor, nb_steps: int, index: Tensor
) -> tuple[Tensor, Tensor]:
    """The same in torch, for a store on a GPU."""
    bounds = indptr[index[:, None] * nb_steps + torch.arange(nb_steps + 1, device=index.device)]
    lengths = bounds[:, -1] - bounds[:, 0]
    ends = lengths.cumsum(0)
    shift = ends - lengths - bounds[:, 0]
    new_indptr = torch.cat([bounds.new_zeros(1), (bounds[:, 1:] + shift[:, None]).flatten()])
    nb_events = int(new_indptr[-1])
    position = torch.arange(nb_events, device=index.device)
    position -= shift.repeat_interleave(lengths, output_size=nb_events)
    return new_indptr, units[position]


def _unit_dtype(nb_units: int) -> type:
    return np.int16 if nb_units <= _INT16_UNITS else np.int32


def _checked_ids(name: str, values: ArrayLike, limit: int) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected one dimension, got shape {array.shape}")
    if not array.size:
        return array.astype(np.int64)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name}: expected integers, got {array.dtype}")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= limit:
        raise ValueError(f"{name}: {low}..{high} is outside 0..{limit - 1}")
    # numpy adds these to others as floats
    return array.astype(np.int64) if array.dtype == np.uint64 else array
