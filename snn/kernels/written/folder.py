"""Where kernels are kept that are made after the installation."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """Below ``SNN_CACHE``, or in the user's cache."""
    chosen = os.environ.get("SNN_CACHE")
    base = Path(chosen) if chosen else Path.home() / ".cache" / "snn"
    return base / "neurons"
