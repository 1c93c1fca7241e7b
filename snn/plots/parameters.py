"""Histograms of a network's weights and time constants."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from snn.network import SpikingNetwork
from snn.network.hidden import HiddenLayer
from snn.network.neuron_layer import NeuronLayer
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
    """Time constants of a network's hidden layers, e.g. of membranes and of synapses.

    A layer with one for all its neurons has a line instead of a histogram.

    Args:
        network: its layers know the decays per step of their neurons.
        time_step: milliseconds per step.
    """
    found = [(i, *one) for i, layer in enumerate(network.hidden) for one in _decays(layer)]
    axes, figure = _panels(max(len(found), 1), columns=2)
    for ax, (i, title, decay) in zip(axes, found, strict=False):
        taus = -time_step / np.log(_array(torch.as_tensor(decay, dtype=torch.float64)).ravel())
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


def _decays(layer: HiddenLayer) -> list[tuple[str, torch.Tensor | float]]:
    """Names and decays per step of a layer's time constants."""
    if isinstance(layer, NeuronLayer):
        return [
            (p.declared.meaning or name, p())
            for name, p in layer.parameter.items()
            if p.declared.is_time_constant
        ]
    return [("membrane", layer.beta()), ("synapse", layer.alpha())]


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
