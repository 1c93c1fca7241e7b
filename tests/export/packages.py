"""Other packages that networks are handed to."""

from __future__ import annotations

import importlib
from types import ModuleType

from tests.requirements import absent


def package(name: str) -> ModuleType:
    """A package of the extra ``interop``; skips where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        absent(
            "interop", f"{name} is not installed: pip install -e '.[interop]' -c constraints.txt"
        )
