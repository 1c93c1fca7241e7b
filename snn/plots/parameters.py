"""Histograms of a network's weights and time constants."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from snn.network import SpikingNetwork
from snn.plots.style import colour, new_figure, styled

MOST_COLUMNS = 3


@styled()
def weights(network: nn.Module) -> Figure:
    """Histogram of each of a network's weight matrices, and of an encoder's gains and biases.

    Args:
        network: any module; parameters whose names end in ``weight``, ``gain`` or ``bias`` are
            shown.
    """
    shown = {
        name: parameter
        for name, parameter in network.named_parameters()
        if name.endswith(("weight", "gain", "bias"))
    }
    axes, figure = _panels(len(shown))
    for ax, (name, parameter) in zip(axes, shown.items(), strict=False):
        values = _array(parameter).ravel()
        ax.hist(values, bins=min(60, max(5, len(values) // 5)), color=colour(0))
        ax.set_title(f"{name}  {list(parameter.shape)}")
        ax.set_xlabel(f"mean {values.mean():.3g}, standard deviation {values.std():.3g}")
        ax.set_yscale("log")
    axes[0].set_ylabel("number")
    return figure


@styled()
def time_constants(network: SpikingNetwork, time_step: float = 1.0) -> Figure:
    """Time constants of a network's hidden layers: of membranes and of synapses.

    A layer with one for all its neurons has a line instead of a histogram.

    Args:
        network: its layers have ``alpha`` and ``beta``, the decays per step.
        time_step: milliseconds per step.
    """
    kinds = (("beta", "membrane"), ("alpha", "synapse"))
    axes, figure = _panels(len(network.hidden) * len(kinds), columns=len(kinds))
    panels = ((i, layer, kind) for i, layer in enumerate(network.hidden) for kind in kinds)
    for ax, (i, layer, (name, title)) in zip(axes, panels, strict=True):
        decay = torch.as_tensor(getattr(layer, name)(), dtype=torch.float64)
        taus = -time_step / np.log(_array(decay).ravel())
        ax.set_title(f"hidden layer {i + 1}, {title}")
        ax.set_xlabel("time constant (ms)")
        if len(taus) == 1:
            ax.axvline(taus[0], color=colour(0), linewidth=2)
            ax.set_xlim(0, 2 * taus[0])
            ax.set_yticks([])
            ax.text(taus[0], 0.5, f"  {taus[0]:.3g} ms, all neurons", fontsize=8)
        else:
            ax.hist(taus, bins=30, color=colour(0))
            ax.set_ylabel("neurons")
    return figure


def _panels(count: int, columns: int = MOST_COLUMNS) -> tuple[list[Axes], Figure]:
    columns = max(1, min(count, columns))
    rows = max(1, -(-count // columns))
    figure = new_figure(3.2 * columns, 2.5 * rows)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for ax in axes[count:]:
        ax.set_visible(False)
    return axes, figure


def _array(x: torch.Tensor) -> np.ndarray:
    return x.detach().to("cpu", torch.float64).numpy()
