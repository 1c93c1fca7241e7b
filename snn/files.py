"""JSON files that are whole or not there, and always valid JSON."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snn.errors import RunError


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
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8"
        ) as file:
            temporary = file.name
            json.dump(plain(value), file, indent=2, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # a temporary file is private; a record is for colleagues too
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        raise RunError(f"{path}: cannot be written ({error.strerror or error})") from error


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
