"""Other packages that networks are handed to."""

from __future__ import annotations

import importlib
from types import ModuleType

from tests.requirements import absent


def package(name: str) -> ModuleType:
    """One of those in ``tests/export/simulators.txt``; skips where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        how = "pip install --no-deps -r tests/export/simulators.txt"
        absent("interop", f"{name} is not installed: {how}")
