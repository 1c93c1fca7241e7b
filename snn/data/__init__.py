"""Data modules: download, encode once, split, and hand out batches of spikes."""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "SHD": "shd",
    "TBL": "tbl",
    "FashionMNIST": "fashion_mnist",
    "Randman": "randman",
    "SpikeDataModule": "base",
    "Split": "samples",
}
__all__ = ["SHD", "TBL", "FashionMNIST", "Randman", "SpikeDataModule", "Split"]


def __getattr__(name: str) -> Any:
    """A data set's module, with Lightning and its file format, is imported when it is asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
