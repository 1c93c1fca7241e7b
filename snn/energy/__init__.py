"""Energy: counters of the machine, what is read of them over a window, operations as picojoules."""

from snn.energy.codecarbon import CodeCarbon
from snn.energy.counter import Counter, Unreadable
from snn.energy.meter import Meter, Reading
from snn.energy.nvml import Nvml
from snn.energy.rapl import Rapl

__all__ = ["CodeCarbon", "Counter", "Meter", "Nvml", "Rapl", "Reading", "Unreadable"]
