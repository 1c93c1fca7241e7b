"""Draws the figures of the concept pages into docs/images: ``python docs/tools/figures.py``."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure

from snn.events import EventStore
from snn.events.encoding import TTFS, LinearLatency
from snn.network import SpikingNetwork
from snn.network.layers import LeakyReadout, RecurrentLIF
from snn.neurons import LIFDynamics, lif
from snn.neurons.surrogate import SURROGATES

IMAGES = Path(__file__).resolve().parents[1] / "images"
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "snn",  # the same file from every run
    "savefig.facecolor": "white",
}
ALPHA, BETA = math.exp(-1 / 5), math.exp(-1 / 10)


def neuron() -> Figure:
    """One neuron with one input: its states come from stepping the layer's own function."""
    steps = [5, 9, 12, 14, 16, 18, 40, 55, 57, 60, 62, 63, 64]
    x = torch.zeros(1, 90, 1)
    x[0, steps, 0] = 1.0
    state, currents = None, []
    weight, dynamics = torch.full((1, 1), 0.16), LIFDynamics()
    spikes, potentials, _ = lif(x, weight, None, ALPHA, BETA, dynamics)
    for t in range(x.shape[1]):
        currents.append(0.0 if state is None else state.current.item())
        _, _, state = lif(x[:, t : t + 1], weight, None, ALPHA, BETA, dynamics, state)
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=[1, 3, 4, 1])
    for ax, train in ((axes[0], x), (axes[3], spikes)):
        ax.eventplot(train[0, :, 0].nonzero()[:, 0].numpy(), lineoffsets=0.5, color="black")
        ax.set_yticks([])
    axes[1].plot(currents, color="tab:blue")
    axes[2].plot(potentials[0, :, 0], color="tab:orange")
    axes[2].axhline(1.0, color="gray", linestyle="--", linewidth=1)
    for ax, label in zip(
        axes, ["input", "current $I$", "potential $U$", "spikes $S$"], strict=True
    ):
        ax.set_ylabel(label, rotation=0, ha="right", va="center")
    axes[3].set_xlabel("step")
    return figure


def surrogates() -> Figure:
    """All derivatives at one steepness."""
    x = torch.linspace(-0.4, 0.4, 801)
    figure = Figure(figsize=(7, 3), layout="constrained")
    ax = figure.subplots()
    for name, derivative in SURROGATES.items():
        ax.plot(x, derivative(x, 10.0), label=name, linewidth=1.2)
    ax.set(xlabel=r"distance to threshold $x = U - \vartheta$", ylabel="derivative, $s = 10$")
    ax.legend(frameon=False, fontsize=8)
    return figure


def encoders() -> Figure:
    """Spike times of both latency codes."""
    x = np.linspace(0, 1, 501)
    figure = Figure(figsize=(7, 3), layout="constrained")
    ax = figure.subplots()
    for name, encoder in (("ttfs", TTFS()), ("linear_latency", LinearLatency())):
        times = np.floor(encoder.times(x))
        ax.plot(x, np.where(times < 100, times, np.nan), label=name)
    ax.set(xlabel="value of the pixel", ylabel="step of its spike", ylim=(0, 100))
    ax.legend(frameon=False)
    return figure


def readout() -> Figure:
    """Traces of a small network after two hundred steps of training on three patterns."""
    torch.manual_seed(0)
    labels = torch.arange(60) % 3
    patterns = torch.randint(0, 50, (3, 40))
    step = (patterns[labels] + torch.randint(-2, 3, (60, 40))).clamp(0, 49)
    sample, unit = torch.arange(60).repeat_interleave(40), torch.arange(40).repeat(60)
    sizes = {"nb_samples": 60, "nb_steps": 50, "nb_units": 40}
    x = EventStore.from_events(sample, step.flatten(), unit, **sizes)
    hidden = RecurrentLIF(40, 30, ALPHA, BETA, LIFDynamics(scale=10.0), weight_scale=1.0)
    network = SpikingNetwork([hidden], LeakyReadout(30, 3, ALPHA, BETA), backend="einsum")
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(200):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x).logits, labels).backward()
        optimizer.step()
    with torch.no_grad():
        output = network.trace(x).output[0]
    figure = Figure(figsize=(7, 2.8), layout="constrained")
    ax = figure.subplots()
    for k, trace in enumerate(output.T):
        peak = int(trace.argmax())
        (line,) = ax.plot(trace, label=f"class {k}" + (" (the sample's)" if k == 0 else ""))
        ax.plot(peak, trace[peak], "o", markersize=4, color=line.get_color())
    ax.set(xlabel="step", ylabel="readout $o$; dots: maxima")
    ax.legend(frameon=False, fontsize=8)
    return figure


def main() -> None:
    """Draw them all."""
    IMAGES.mkdir(exist_ok=True)
    with matplotlib.rc_context(STYLE):
        for draw in (neuron, surrogates, encoders, readout):
            # Without a date, so that an unchanged figure is an unchanged file.
            draw().savefig(IMAGES / f"{draw.__name__}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
