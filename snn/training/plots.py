"""Figures of activity."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor


def raster(layers: Sequence[Tensor], titles: Sequence[str], time_step: float = 1.0) -> Figure:
    """Spike raster: one column per sample, one row per layer, the input at the top.

    Args:
        layers: spikes ``[sample, step, unit]`` of the input and of each hidden layer.
        titles: one for each sample.
        time_step: milliseconds per step.
    """
    # Figure itself, not pyplot: nothing global to close, no display needed.
    figure = Figure(figsize=(3.0 * len(titles), 2.4 * len(layers)), layout="constrained")
    axes = figure.subplots(len(layers), len(titles), sharex=True, sharey="row", squeeze=False)
    for row, spikes in enumerate(layers):
        name = "input" if row == 0 else f"hidden layer {row}"
        for column, title in enumerate(titles):
            ax = axes[row, column]
            step, unit = spikes[column].nonzero(as_tuple=True)
            ax.plot(
                step.cpu().numpy() * time_step,
                unit.cpu().numpy(),
                linestyle="none",
                marker="|" if spikes.shape[2] <= 100 else ".",
                markersize=3 if spikes.shape[2] <= 100 else 1.5,
                color="black",
            )
            ax.set_ylim(-1, spikes.shape[2])
            ax.set_xlim(-time_step, spikes.shape[1] * time_step)
            if row == 0:
                ax.set_title(title, fontsize=9)
            if row == len(layers) - 1:
                ax.set_xlabel("time (ms)")
            if column == 0:
                ax.set_ylabel(f"{name}\nneuron")
    return figure
