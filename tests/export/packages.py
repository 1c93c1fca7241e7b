"""Other packages that networks are handed to."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest


def package(name: str) -> ModuleType:
    """A package of the extra ``interop``; skips where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        pytest.skip(f"{name} is not installed: pip install -e '.[interop]' -c constraints.txt")
