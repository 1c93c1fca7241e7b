"""Spike recordings in HDF5, the layout of the Spiking Heidelberg Digits.

``spikes/times`` (seconds) and ``spikes/units``, one row of variable length per recording, with
``labels``; optional ``extra/keys`` (class names) and ``extra/speaker``.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch

from snn.data.cache import Encoded
from snn.errors import DataError, InputError
from snn.events import EventStore
from snn.events.encoding import times_to_steps

_CHUNK = 512  # recordings read at a time: at SHD's 8,000 spikes each, about 100 MB in float64


@dataclass(frozen=True)
class Binning:
    """How recordings become steps and units.

    Attributes:
        max_time: seconds that ``nb_steps`` steps last; later spikes are dropped and counted.
        nb_steps: time steps.
        nb_channels: unit ids of the file must lie below; None = below ``channel_limit``, as many as
            occur.
        channels_per_unit: neighbouring channels that become one input unit. Their spikes are all
            kept: a unit may then have several in a step.
        channel_limit: number of channels that the format knows.
    """

    max_time: float
    nb_steps: int
    nb_channels: int | None
    channels_per_unit: int = 1
    channel_limit: int = 700


def read_class_names(path: Path) -> list[str] | None:
    """``extra/keys`` as text, or None.

    Raises:
        DataError: not HDF5, truncated, or the names are no list of texts.
    """
    with _opened(path) as file:
        if "extra/keys" not in file:
            return None
        keys = np.asarray(file["extra/keys"][()])
    if keys.ndim != 1 or not all(isinstance(key, bytes | str) for key in keys.tolist()):
        raise DataError(f"{path}: extra/keys is not a list of class names")
    return [k.decode("utf-8", "replace") if isinstance(k, bytes) else k for k in keys.tolist()]


def encode_file(path: Path, binning: Binning) -> Encoded:
    """Bins all recordings of an unpacked file.

    Returns:
        Events, ``labels``, ``speakers`` if the file tells them, and ``dropped_events``.

    Raises:
        DataError: not HDF5 or truncated, a part is missing, lengths differ, a time is negative or
            not finite, a unit or label is out of range. Recordings without spikes are allowed.
    """
    with _opened(path) as file:
        labels = _ids(path, file, "labels")
        nb_samples = len(labels)
        if not nb_samples:
            raise DataError(f"{path}: labels: the file holds no recording")
        times, units = (_rows(path, file, name, nb_samples) for name in ("times", "units"))
        stores, dropped = [], 0
        for first in range(0, nb_samples, _CHUNK):
            rows = slice(first, first + _CHUNK)
            store, nb_dropped = _encode_chunk(path, times[rows], units[rows], first, binning)
            stores.append(store)
            dropped += nb_dropped
        arrays = {"labels": torch.from_numpy(labels)}
        if "extra/speaker" in file:
            speakers = _ids(path, file, "extra/speaker")
            if len(speakers) != nb_samples:
                raise DataError(
                    f"{path}: {len(speakers)} entries in extra/speaker, {nb_samples} labels"
                )
            arrays["speakers"] = torch.from_numpy(speakers)
    return Encoded(EventStore.concatenate(stores), arrays, {"dropped_events": dropped})


def _encode_chunk(
    path: Path, times: np.ndarray, units: np.ndarray, first: int, binning: Binning
) -> tuple[EventStore, int]:
    lengths = np.array([len(row) for row in times])
    unit_lengths = np.array([len(row) for row in units])
    if (wrong := np.flatnonzero(lengths != unit_lengths)).size:
        i = wrong[0]
        raise DataError(
            f"{path}: sample {first + i}: {lengths[i]} spike times, but {unit_lengths[i]} units"
        )
    time, unit = np.concatenate(times), np.concatenate(units)
    if time.dtype.kind not in "fiu":
        raise DataError(f"{path}: spikes/times: expected numbers, found {time.dtype}")
    if not np.issubdtype(unit.dtype, np.integer):
        raise DataError(f"{path}: spikes/units: expected integers, found {unit.dtype}")
    time, unit = time.astype(np.float64), unit.astype(np.int64)
    try:
        return bin_spikes(lengths, time, unit, binning, first)
    except InputError as error:
        raise DataError(f"{path}: {error}") from None


def bin_spikes(
    lengths: np.ndarray, time: np.ndarray, unit: np.ndarray, binning: Binning, first: int = 0
) -> tuple[EventStore, int]:
    """Spikes of recordings that lie one after the other, as events.

    Args:
        lengths: spikes of each recording, int64 ``[sample]``.
        time: in seconds, float64 ``[spike]``.
        unit: channels, int64 ``[spike]``.
        binning: how they become steps and units.
        first: number of the first recording, for messages.

    Returns:
        The events, and how many spikes came too late and were dropped.

    Raises:
        InputError: a time is negative or not finite, or a unit out of range.
    """
    sample = np.repeat(np.arange(len(lengths)), lengths)

    def refuse(bad: np.ndarray, values: np.ndarray, what: str) -> None:
        if bad.any():
            i = int(bad.argmax())
            event = int((sample[:i] == sample[i]).sum())
            raise InputError(f"sample {first + sample[i]}, spike {event}: {values[i]} {what}")

    refuse(~np.isfinite(time), time, "s is no finite time")
    refuse(time < 0, time, "s is a negative time")
    limit = binning.nb_channels or binning.channel_limit
    hint = "" if binning.nb_channels else "; if the recordings have more units, set data.nb_units"
    refuse((unit < 0) | (unit >= limit), unit, f"is no unit id of 0..{limit - 1}{hint}")
    step = times_to_steps(time, binning.max_time, binning.nb_steps)
    inside = step < binning.nb_steps
    # The ids that occur count also where all their spikes come too late.
    nb_channels = binning.nb_channels or int(unit.max(initial=0)) + 1
    store = EventStore.from_events(
        sample[inside],
        step[inside],
        unit[inside] // binning.channels_per_unit,
        nb_samples=len(lengths),
        nb_steps=binning.nb_steps,
        nb_units=-(-nb_channels // binning.channels_per_unit),
    )
    return store, int((~inside).sum())


class _opened:
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


def _dataset(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise DataError(f"{path}: {name} is missing; expected the layout of SHD")
    return dataset


def _ids(path: Path, file: h5py.File, name: str) -> np.ndarray:
    values = np.asarray(_dataset(path, file, name)[()])
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"{path}: {name}: expected integers [sample], found {values.dtype}")
    values = values.astype(np.int64)
    if (wrong := np.flatnonzero(values < 0)).size:
        raise DataError(f"{path}: {name}: sample {wrong[0]} has {values[wrong[0]]}, below 0")
    return values


def _rows(path: Path, file: h5py.File, name: str, nb_samples: int) -> h5py.Dataset:
    dataset = _dataset(path, file, f"spikes/{name}")
    if len(dataset) != nb_samples:
        raise DataError(f"{path}: {len(dataset)} rows in spikes/{name}, but {nb_samples} labels")
    if h5py.check_vlen_dtype(dataset.dtype) is None and dataset.ndim != 2:
        raise DataError(f"{path}: spikes/{name}: expected one row of numbers per sample")
    return dataset
