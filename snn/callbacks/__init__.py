"""What looks on while a network is trained, and what makes a run repeatable."""

from snn.callbacks.averaging import WeightAverage
from snn.callbacks.checkpoint import Checkpoint, WholeFiles
from snn.callbacks.gradients import GradientNorms
from snn.callbacks.hyper_parameters import HyperParameters
from snn.callbacks.progress import EpochLines
from snn.callbacks.raster import SpikeRaster
from snn.callbacks.repeatable import EpochSeed
from snn.callbacks.stopping import EarlyStopping
from snn.callbacks.stopwatch import Stopwatch

__all__ = [
    "Checkpoint",
    "EarlyStopping",
    "EpochLines",
    "EpochSeed",
    "GradientNorms",
    "HyperParameters",
    "SpikeRaster",
    "Stopwatch",
    "WeightAverage",
    "WholeFiles",
]
