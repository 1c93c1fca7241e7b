"""Encoded data on disk: written once, opened memory-mapped by any number of processes.

An entry is a directory ``<cache>/<name>-<hash of its key>``. It is written under another name and
renamed when complete, under a lock of its own, so that processes that start together encode once.
``entry.json`` lists key, facts and file sizes; an entry that does not match it is built anew.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import psutil
from filelock import FileLock
from torch import Tensor

from snn.data.lookup import fingerprint, unpack
from snn.errors import DataError
from snn.events import EventStore, load_array

FORMAT_VERSION = 1
_ENTRY = "entry.json"


@dataclass(frozen=True, eq=False)
class Encoded:
    """Events of one source file and what belongs to its samples.

    Attributes:
        events: the spikes.
        arrays: int64 ``[sample]`` each, e.g. ``labels``.
        facts: plain numbers worth reporting, e.g. how many events were dropped.
    """

    events: EventStore
    arrays: dict[str, Tensor]
    facts: dict[str, int] = field(default_factory=dict)


def cached_directory(
    cache: Path, name: str, key: Mapping[str, object], build: Callable[[Path], dict[str, int]]
) -> tuple[Path, dict[str, int]]:
    """The complete entry for ``key``, built by ``build(directory)`` if need be.

    Args:
        cache: directory of all entries; created if it is missing.
        name: readable first part of the entry's name.
        key: everything that changes the content, as values that JSON can hold.
        build: writes the entry's files into an empty directory and returns facts about them.

    Returns:
        The entry's directory and its facts.

    Raises:
        DataError: the cache cannot be written; and whatever ``build`` raises.
    """
    key_text = json.dumps({**key, "format": FORMAT_VERSION}, sort_keys=True)
    stem = f"{name}-{hashlib.sha256(key_text.encode()).hexdigest()[:16]}"
    entry = cache / stem
    if (facts := _facts_if_sound(entry, key_text)) is not None:
        return entry, facts
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f".{stem}.lock"):
            if (facts := _facts_if_sound(entry, key_text)) is None:
                facts = _build(cache, stem, key_text, build)
    except OSError as error:
        raise DataError(
            f"{cache}: cannot write the cache of encoded data ({error}); "
            "name another place with data.cache=DIR or the environment variable SNN_CACHE"
        ) from error
    return entry, facts


def cached_events(
    cache: Path, name: str, key: Mapping[str, object], encode: Callable[[], Encoded]
) -> Encoded:
    """What ``encode()`` returns, from the cache if it is there, always memory-mapped."""

    def build(directory: Path) -> dict[str, int]:
        encoded = encode()
        encoded.events.save(directory)
        for array_name, values in encoded.arrays.items():
            np.save(directory / f"array-{array_name}.npy", values.numpy())
        return encoded.facts

    entry, facts = cached_directory(cache, name, key, build)
    arrays = {
        path.stem.removeprefix("array-"): load_array(path).clone()  # small, and read in full
        for path in sorted(entry.glob("array-*.npy"))
    }
    return Encoded(EventStore.load(entry), arrays, facts)


def encoder_key(encoder: object) -> dict[str, object]:
    """What distinguishes an encoder dataclass from others, as plain values."""
    return {"kind": type(encoder).__name__, **asdict(encoder)}


def unpacked(path: Path, cache: Path) -> Path:
    """``path``, or its unpacked copy in the cache if it is a ``.gz`` file."""
    if path.suffix != ".gz":
        return path
    name = path.name.removesuffix(".gz")

    def build(directory: Path) -> dict[str, int]:
        unpack(path, directory / name)
        return {}

    entry, _ = cached_directory(cache, f"unpacked-{name}", fingerprint(path), build)
    return entry / name


def _build(
    cache: Path, stem: str, key_text: str, build: Callable[[Path], dict[str, int]]
) -> dict[str, int]:
    for leftover in cache.glob(f".{stem}.*.tmp"):  # of a process that was killed; we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    directory = cache / f".{stem}.{secrets.token_hex(4)}.tmp"
    directory.mkdir()  # not a temporary one of Python's, which is private: a cache may be shared
    try:
        facts = build(directory)
        _give_back_memory()
        files = {path.name: path.stat().st_size for path in directory.iterdir()}
        meta = {"key": key_text, "facts": facts, "files": files}
        (directory / _ENTRY).write_text(json.dumps(meta, indent=1), encoding="utf-8")
        entry = cache / stem
        if entry.exists():  # unsound, or we would not be here
            shutil.rmtree(entry)
        os.replace(directory, entry)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return facts


def _give_back_memory() -> None:
    """Return to the system what encoding has freed and glibc would keep: some 70 MB."""
    if hasattr(psutil, "heap_trim"):  # not of every C library
        psutil.heap_trim()


def _facts_if_sound(entry: Path, key_text: str) -> dict[str, int] | None:
    try:
        meta = json.loads((entry / _ENTRY).read_text(encoding="utf-8"))
        sound = meta["key"] == key_text and all(
            (entry / name).stat().st_size == size for name, size in meta["files"].items()
        )
        return meta["facts"] if sound else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
