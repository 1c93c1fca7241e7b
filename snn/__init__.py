"""Surrogate-gradient spiking neural networks: train, sweep, compare.

``snn.load`` opens a trained network. The names of :data:`__all__` are the public interface; each is
imported when it is first used, so that ``import snn`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snn import moved
from snn.lazy import lazy

if TYPE_CHECKING:
    from snn.runs.loading import Prediction, TrainedNetwork, load

__version__ = "0.1.0"

_LAZY = {
    "Prediction": "snn.runs.loading",
    "TrainedNetwork": "snn.runs.loading",
    "load": "snn.runs.loading",
}

__all__ = ["Prediction", "TrainedNetwork", "__version__", "load"]


__getattr__, __dir__ = lazy(__name__, _LAZY)

moved.install()
