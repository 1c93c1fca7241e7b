"""Surrogate-gradient spiking neural networks: train, sweep, compare.

``snn.load`` opens a trained network. The names of :data:`__all__` are the public interface; each is
imported when it is first used, so that ``import snn`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from snn import moved

if TYPE_CHECKING:
    from snn.runs.loading import Prediction, TrainedNetwork, load

__version__ = "0.1.0"

_LAZY = {
    "Prediction": "snn.runs.loading",
    "TrainedNetwork": "snn.runs.loading",
    "load": "snn.runs.loading",
}

__all__ = ["Prediction", "TrainedNetwork", "__version__", "load"]


def __getattr__(name: str) -> object:
    if name in _LAZY:
        value = globals()[name] = getattr(importlib.import_module(_LAZY[name]), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


moved.install()
