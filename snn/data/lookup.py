"""Finding, fingerprinting and unpacking the files below the data root."""

import gzip
import hashlib
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snn.errors import DataError

# What gzip raises for a truncated, corrupted or not at all compressed file.
GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)


def locate(path: Path) -> Path | None:
    """``path`` itself or else ``path`` + ``.gz``; None if neither is there."""
    for candidate in (path, path.with_name(path.name + ".gz")):
        if candidate.is_file():
            return candidate
    return None


def fingerprint(path: Path) -> dict[str, str | int]:
    """Name, size and content hash: differs if the content does, wherever the file lies."""
    with reading(path), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": path.name, "size": path.stat().st_size, "sha256": digest}


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what can go wrong with the file as such into a DataError that names it."""
    try:
        yield
    except GZIP_ERRORS as error:
        raise DataError(
            f"{path}: truncated or damaged gzip file ({error}); fetch it again"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from error


def read_bytes(path: Path) -> bytes:
    """The whole content, unpacked if the name ends in ``.gz``.

    Raises:
        DataError: unreadable, truncated or damaged.
    """
    with reading(path):
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as file:
                return file.read()
        return path.read_bytes()


def unpack(source: Path, target: Path) -> None:
    """Unpacks a ``.gz`` file in bounded memory.

    Raises:
        DataError: the source is unreadable, truncated or damaged.
    """
    with reading(source), gzip.open(source, "rb") as packed, target.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, 1 << 20)
