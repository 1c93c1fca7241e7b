"""Files that are whole or not there; JSON that is always valid."""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from snn.errors import RunError


@contextmanager
def whole_file(
    path: Path, mode: str = "w", *, sole_writer: bool = False, newline: str | None = None
) -> Iterator[IO[Any]]:
    """Open a file to be written that readers see either as it was or complete.

    The content goes into a hidden file beside it, which takes its place when the context ends and
    is removed when an error ends it. Who may read it is for the umask to say.

    Args:
        path: the file; its folder must be there.
        mode: ``"w"`` for text in UTF-8, ``"wb"`` for bytes.
        sole_writer: nobody else writes this file at the same time. The hidden file has a fixed
            name then, so that what a killed process left of it is written over.
        newline: as in ``open``.

    Raises:
        RunError: the file cannot be written (disk full, read-only, folder gone).
    """
    unique = "" if sole_writer else f".{os.getpid()}-{secrets.token_hex(4)}"
    part = path.with_name(f".{path.name}{unique}.part")
    encoding = None if "b" in mode else "utf-8"
    try:
        # Opened as any new file is: a temporary file of Python's would be private.
        with part.open(mode, encoding=encoding, newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as error:
        _remove(part)
        if isinstance(error, OSError):
            raise RunError(f"{path}: cannot be written ({error.strerror or error})") from error
        raise


def write_whole(
    path: Path, content: str | bytes | memoryview, *, sole_writer: bool = False
) -> None:
    """Write a file in one go, as :func:`whole_file` does.

    Raises:
        RunError: the file cannot be written.
    """
    with whole_file(path, "w" if isinstance(content, str) else "wb", sole_writer=sole_writer) as f:
        f.write(content)


def _remove(part: Path) -> None:
    with suppress(OSError):  # on a disk that fails the first error says more
        part.unlink(missing_ok=True)


def plain(value: Any) -> Any:
    """The value in JSON's own types; numbers that JSON lacks (NaN, infinity) become null."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(v) for v in value]
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "item"):  # a scalar of numpy or torch
        return plain(value.item())
    return str(value)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a file that readers see either as it was or complete.

    Raises:
        RunError: the folder cannot be written to (full, read-only, gone).
    """
    write_whole(path, json.dumps(plain(value), indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read such a file.

    Raises:
        RunError: it is missing, not valid JSON, or no object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path}: no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(value, dict):
        raise RunError(f"{path}: not a JSON object")
    return value
