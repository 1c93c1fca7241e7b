"""Figures of a trace: spikes, potentials and currents, the readout and its decision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from snn.errors import InputError
from snn.network import Trace
from snn.neurons import decision_step, running_logits
from snn.plots.style import GREY, colour, panels, styled

NAMED = 4  # classes of a readout with a colour of their own


@styled()
def raster(
    trace: Trace | Sequence[Tensor], titles: Sequence[str] | None = None, time_step: float = 1.0
) -> Figure:
    """Spike raster: one column per sample, one row per layer, the input at the top.

    Args:
        trace: of the samples; or spikes ``[sample, step, unit]`` of the input and of each layer.
        titles: one for each sample; None numbers them.
        time_step: milliseconds per step.
    """
    layers = [trace.input, *trace.spikes] if hasattr(trace, "spikes") else list(trace)
    titles = [f"sample {i}" for i in range(len(layers[0]))] if titles is None else titles
    figure, axes = panels(len(layers), len(titles), (2.2, 2.0), sharex=True, sharey="row")
    for row, spikes in enumerate(layers):
        name = "input" if row == 0 else f"hidden layer {row}"
        for column, title in enumerate(titles):
            ax = axes[row, column]
            step, unit = spikes[column].detach().nonzero(as_tuple=True)
            ax.plot(
                step.cpu().numpy() * time_step,
                unit.cpu().numpy(),
                linestyle="none",
                marker="|" if spikes.shape[2] <= 100 else ".",
                markersize=3 if spikes.shape[2] <= 100 else 1.5,
                color="black",
            )
            ax.grid(False)
            ax.set_ylim(-1, spikes.shape[2])
            ax.set_xlim(-time_step, spikes.shape[1] * time_step)
            if row == 0:
                ax.set_title(title, fontsize=9)
            if row == len(layers) - 1:
                ax.set_xlabel("time (ms)")
            if column == 0:
                ax.set_ylabel(f"{name}\nneuron")
    return figure


@styled()
def potentials(
    trace: Trace,
    layer: int = 0,
    sample: int = 0,
    neurons: Sequence[int] | None = None,
    threshold: float = 1.0,
    time_step: float = 1.0,
    currents: bool = True,
) -> Figure:
    """Membrane potentials and synaptic currents of some neurons, one row for each.

    The threshold is dashed; a triangle marks a spike, a circle the potential after its reset, one
    step later.

    Args:
        trace: as ``network.trace`` gives it.
        layer: which hidden layer, counted from 0.
        sample: which sample of the trace.
        neurons: which neurons; None: the four that spike most in this sample.
        threshold: of the layer, ``network.hidden[layer].threshold``.
        time_step: milliseconds per step.
        currents: beside the potentials; else the figure is half as wide.

    Raises:
        InputError: there is no such layer, sample or neuron.
    """
    if not 0 <= layer < len(trace.spikes):
        raise InputError(f"layer={layer}: must be one of 0..{len(trace.spikes) - 1}")
    samples = len(trace.spikes[layer])
    if not -samples <= sample < samples:
        raise InputError(f"sample={sample}: must be one of 0..{samples - 1}")
    spikes = _array(trace.spikes[layer][sample])
    if wrong := [n for n in neurons or () if not 0 <= n < spikes.shape[1]]:
        raise InputError(f"neurons={wrong}: must be of 0..{spikes.shape[1] - 1}")
    if neurons is None:
        neurons = np.argsort(-spikes.sum(0), kind="stable")[:4].tolist()
    potential = _array(trace.potentials[layer][sample])
    current = trace.currents[layer] if currents else None
    time = np.arange(len(potential)) * time_step
    columns = 1 if current is None else 2
    figure, axes = panels(
        len(neurons), columns, (3.7, 1.4), left=0.95, gaps=(0.75, 0.15), sharex=True
    )
    for row, neuron in enumerate(neurons):
        ax = axes[row, 0]
        u = potential[:, neuron]
        ax.plot(time, u, color=colour(0), linewidth=1.0)
        ax.axhline(threshold, color=GREY, linestyle="--", linewidth=0.8)
        fired = np.flatnonzero(spikes[:, neuron])
        ax.plot(time[fired], u[fired], "v", color=colour(5), markersize=4)
        after = fired[fired + 1 < len(u)] + 1
        ax.plot(time[after], u[after], "o", color=colour(5), markersize=3, markerfacecolor="none")
        ax.set_ylabel(f"neuron {neuron}")
        if columns == 2:
            axes[row, 1].plot(time, _array(current[sample])[:, neuron], color=colour(2), lw=1.0)
            axes[row, 1].axhline(0, color=GREY, linewidth=0.6)
    axes[0, 0].set_title(f"potential, hidden layer {layer + 1}")
    if columns == 2:
        axes[0, 1].set_title("synaptic current")
    for ax in axes[-1]:
        ax.set_xlabel("time (ms)")
    return figure


@styled()
def readout(
    trace: Trace | Tensor,
    class_names: Sequence[str] | None = None,
    labels: Sequence[int] | None = None,
    logit_rule: str = "max",
    samples: Sequence[int] | None = None,
    time_step: float = 1.0,
) -> Figure:
    """Potentials of the readout, and the moment of decision.

    The vertical line is the earliest time from which the answer is the final one and stays so. The
    classes that come closest have a colour; the others are grey.

    Args:
        trace: of the samples, or its ``output`` ``[sample, step + 1, class]``.
        class_names: one for each class; None numbers them.
        labels: the true class of each sample of the trace, for the titles.
        logit_rule: the network's.
        samples: which of them; None: the first four.
        time_step: milliseconds per step.
    """
    output = (trace if isinstance(trace, Tensor) else trace.output).detach().cpu()
    names = [str(i) for i in range(output.shape[2])] if class_names is None else class_names
    samples = range(min(4, len(output))) if samples is None else samples
    running = running_logits(output, logit_rule)
    steps, final = decision_step(running), running[:, -1]
    figure, grid = panels(1, len(samples), (2.8, 2.1), left=0.95, top=0.45, sharey=True)
    axes = grid[0]
    for ax, sample in zip(axes, samples, strict=True):
        answer = int(final[sample].argmax())
        _readout(ax, output[sample].numpy(), final[sample], names, time_step)
        decided = int(steps[sample]) * time_step
        ax.axvline(decided, color="black", linestyle=":", linewidth=1.0)
        title = f"{names[answer]}, decided at {decided:g} ms"
        if labels is not None and int(labels[sample]) != answer:
            title += f"\n(truly {names[int(labels[sample])]})"
        ax.set_title(title, fontsize=9)
        ax.set_xlabel("time (ms)")
    axes[0].set_ylabel("readout potential")
    return figure


def _readout(
    ax: Axes, output: np.ndarray, final: Tensor, names: Sequence[str], time_step: float
) -> None:
    time = np.arange(len(output)) * time_step
    nearest = final.argsort(descending=True)[:NAMED].tolist()
    for label in range(output.shape[1]):
        if label not in nearest:
            ax.plot(time, output[:, label], color="#cccccc", linewidth=0.7)
    for place, label in enumerate(nearest):
        width = 1.8 if place == 0 else 1.0
        ax.plot(time, output[:, label], color=colour(place), linewidth=width, label=names[label])
    ax.legend(fontsize=7, loc="best")


def _array(x: Tensor) -> np.ndarray:
    return x.detach().to("cpu", torch.float64).numpy()
