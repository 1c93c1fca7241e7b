"""Figures of a network and of what happens in it, for notebooks, TensorBoard and reports alike.

Each function returns a ``matplotlib`` figure. None uses pyplot: nothing is global, no display is
needed, and a notebook shows what a cell returns.
"""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "confusion": "classes",
    "potentials": "activity",
    "raster": "activity",
    "readout": "activity",
    "time_constants": "parameters",
    "weights": "parameters",
}
__all__ = ["confusion", "potentials", "raster", "readout", "time_constants", "weights"]


def __getattr__(name: str) -> Any:
    """What draws a network needs torch; whoever draws a sweep does not wait for it."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
