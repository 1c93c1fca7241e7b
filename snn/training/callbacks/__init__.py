"""What looks on while a network is trained, and what makes a run repeatable."""

from snn.training.callbacks.averaging import WeightAverage
from snn.training.callbacks.bar import ProgressLine
from snn.training.callbacks.checkpoint import Checkpoint, WholeFiles
from snn.training.callbacks.confusion import ConfusionMatrix
from snn.training.callbacks.energy import EnergyMeter
from snn.training.callbacks.gradients import GradientNorms
from snn.training.callbacks.hyper_parameters import HyperParameters
from snn.training.callbacks.judged import Judged
from snn.training.callbacks.progress import EpochLines
from snn.training.callbacks.raster import SpikeRaster
from snn.training.callbacks.repeatable import EpochSeed
from snn.training.callbacks.stopping import EarlyStopping
from snn.training.callbacks.stopwatch import Stopwatch

__all__ = [
    "Checkpoint",
    "ConfusionMatrix",
    "EarlyStopping",
    "EnergyMeter",
    "EpochLines",
    "EpochSeed",
    "GradientNorms",
    "HyperParameters",
    "Judged",
    "ProgressLine",
    "SpikeRaster",
    "Stopwatch",
    "WeightAverage",
    "WholeFiles",
]
