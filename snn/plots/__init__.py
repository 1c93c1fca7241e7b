"""Figures of a network and of what happens in it, for notebooks, TensorBoard and reports alike.

Each function returns a ``matplotlib`` figure. None uses pyplot: nothing is global, no display is
needed, and a notebook shows what a cell returns.
"""

from snn.plots.activity import potentials, raster, readout
from snn.plots.classes import confusion
from snn.plots.parameters import time_constants, weights

__all__ = ["confusion", "potentials", "raster", "readout", "time_constants", "weights"]
