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
from snn.data.hdf5 import Rows, find_dataset, foreign_rows, one_per_sample, opened, whole_numbers
from snn.errors import DataError, InputError
from snn.events import EventStore
from snn.events.encoding import times_to_steps

TIMES, UNITS = "spikes/times", "spikes/units"
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

    def lost(self, late: int, inside: int) -> str:
        """That spikes come too late, for messages."""
        return f"{late} of {late + inside} spikes come after data.max_time={self.max_time:g} s"


def read_class_names(path: Path) -> list[str] | None:
    """``extra/keys`` as text, or None.

    Raises:
        DataError: not HDF5, truncated, or the names are no list of texts.
    """
    with opened(path) as file:
        if "extra/keys" not in file:
            return None
        keys = np.asarray(find_dataset(path, file, "extra/keys")[()])
    if keys.ndim != 1 or not all(isinstance(key, bytes | str) for key in keys.tolist()):
        raise DataError(f"{path}: extra/keys is not a list of class names")
    return [k.decode("utf-8", "replace") if isinstance(k, bytes) else k for k in keys.tolist()]


def encode_file(path: Path, binning: Binning) -> Encoded:
    """Bins all recordings of an unpacked file.

    Returns:
        Events, ``labels`` and ``dropped_events``.

    Raises:
        DataError: not HDF5 or truncated, a part is missing, lengths differ, a time is negative or
            not finite, a unit or label is out of range. Recordings without spikes are allowed.
    """
    with opened(path) as file:
        labels = one_per_sample(path, find_dataset(path, file, "labels"))
        labels = whole_numbers(path, "labels", labels)
        nb_samples = len(labels)
        if not nb_samples:
            raise DataError(f"{path}: labels: the file holds no recording")
        times = _rows(path, file, TIMES, nb_samples, "fiu", "numbers")
        units = _rows(path, file, UNITS, nb_samples, "iu", "integers")
        stores, dropped = [], 0
        for first in range(0, nb_samples, _CHUNK):
            store, nb_dropped = _encode_chunk(path, times, units, first, binning)
            stores.append(store)
            dropped += nb_dropped
    arrays = {"labels": torch.from_numpy(labels)}
    return Encoded(EventStore.concatenate(stores), arrays, {"dropped_events": dropped})


def reading_key(path: Path) -> dict[str, object]:
    """What belongs into a cache's key, beside the file's content, of how the file is read.

    Rows in a foreign byte order were once taken for native ones: what was encoded of such files
    then must not be found again.
    """
    foreign = foreign_rows(path, (TIMES, UNITS))
    return {"foreign_rows": foreign} if foreign else {}


def _rows(
    path: Path, file: h5py.File, name: str, nb_samples: int, kinds: str, expected: str
) -> Rows:
    rows = Rows.of(path, find_dataset(path, file, name), kinds=kinds, expected=expected)
    if len(rows) != nb_samples:
        raise DataError(f"{path}: {len(rows)} rows in {name}, but {nb_samples} labels")
    return rows


def _encode_chunk(
    path: Path, times: Rows, units: Rows, first: int, binning: Binning
) -> tuple[EventStore, int]:
    samples = slice(first, first + _CHUNK)
    lengths, time = times.read(samples)
    unit_lengths, unit = units.read(samples)
    if (wrong := np.flatnonzero(lengths != unit_lengths)).size:
        i = wrong[0]
        raise DataError(
            f"{path}: sample {first + i}: {lengths[i]} spike times, but {unit_lengths[i]} units"
        )
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
