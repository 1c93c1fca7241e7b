"""Figures of a network and of what happens in it, for notebooks, TensorBoard and reports alike.

Each function returns a ``matplotlib`` figure. None uses pyplot: nothing is global, no display is
needed, and a notebook shows what a cell returns. What draws a network needs torch; whoever draws a
sweep does not wait for it.
"""

from snn.lazy import lazy

_HOMES = {
    "confusion": "snn.plots.classes",
    "potentials": "snn.plots.activity",
    "raster": "snn.plots.activity",
    "readout": "snn.plots.activity",
    "time_constants": "snn.plots.parameters",
    "weights": "snn.plots.parameters",
}
__all__ = ["confusion", "potentials", "raster", "readout", "time_constants", "weights"]

__getattr__, __dir__ = lazy(__name__, _HOMES)
