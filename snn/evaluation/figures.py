"""Curves of an evaluation; figures of the network itself are in :mod:`snn.plots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from snn.plots.style import GREY, colour, new_figure, styled

LABELS = {
    "dropped_spikes": "share of input spikes lost",
    "time_jitter": "jitter of input spikes, standard deviation (ms)",
}


@styled()
def reliability(calibration: Mapping[str, Any]) -> Figure:
    """Accuracy against the probability that the network gave its answers."""
    bins = calibration["bins"]
    confidence = [b["confidence"] for b in bins]
    figure = new_figure(4.6, 5.0)
    ax, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=0.8)
    _with_intervals(ax, confidence, bins, "accuracy")
    ax.set_ylabel("share of right answers")
    ax.set_ylim(0, 1.02)
    below.bar(confidence, [b["samples"] for b in bins], width=0.03, color=colour(0))
    below.set_ylabel("samples")
    below.set_xlabel("probability of the answer")
    below.set_xlim(0, 1.02)
    return figure


@styled()
def robustness(
    curves: Mapping[str, Sequence[Mapping[str, Any]]], chance: float, time_step: float
) -> Figure:
    """Accuracy against the strength of each disturbance of the input."""
    figure = new_figure(4.4 * len(curves), 3.4)
    axes = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for ax, (kind, points) in zip(axes, curves.items(), strict=True):
        unit = time_step if kind == "time_jitter" else 1.0
        _with_intervals(ax, [p["strength"] * unit for p in points], points, "value")
        ax.axhline(chance, color=GREY, linestyle=":", linewidth=1)
        ax.set_xlabel(LABELS[kind])
        ax.set_ylim(0, 1.02)
    axes[0].set_ylabel("accuracy")
    return figure


@styled()
def over_time(
    measured: Mapping[str, Any], decided: np.ndarray, chance: float, time_step: float
) -> Figure:
    """Accuracy if observation ended earlier, and when the answers were decided."""
    accuracy = measured["accuracy_after"]
    time = np.arange(len(accuracy)) * time_step
    figure = new_figure(5.4, 4.6)
    ax, below = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    ax.plot(time, accuracy, color=colour(0))
    ax.axhline(chance, color=GREY, linestyle=":", linewidth=1)
    ax.set_ylim(0, 1.02)
    ax.set_ylabel("accuracy")
    edges = (np.arange(len(accuracy) + 1) - 0.5) * time_step
    below.hist(decided * time_step, bins=edges, color=colour(1))
    below.set_ylabel("samples decided")
    below.set_xlabel("observed time (ms)")
    return figure


@styled()
def activity(classes: Sequence[Mapping[str, Any]]) -> Figure:
    """Spikes and synaptic operations of each class, means over its samples."""
    names = [c["name"] for c in classes]
    panels = {"spikes of hidden layers": [_hidden(c) for c in classes]}
    if any(c["input_spikes"] is not None for c in classes):
        panels = {"input spikes": [c["input_spikes"] for c in classes], **panels}
        panels["synaptic operations"] = [c["synaptic_operations"] for c in classes]
    figure = new_figure(2.9 * len(panels) + 0.8, max(2.4, 0.2 * len(names) + 1.0))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for i, (ax, (title, values)) in enumerate(zip(axes, panels.items(), strict=True)):
        ax.barh(range(len(names)), [v or 0.0 for v in values], color=colour(i))
        ax.set_xlabel(f"{title}\nper sample")
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    return figure


def _hidden(row: Mapping[str, Any]) -> float:
    return sum(value or 0.0 for value in row["hidden_spikes"])


def _with_intervals(
    ax: Axes, x: Sequence[float], points: Sequence[Mapping[str, Any]], key: str
) -> None:
    """Points with a line through them and the band of their 95 % intervals."""
    ax.fill_between(
        x,
        [p["interval"][0] for p in points],
        [p["interval"][1] for p in points],
        color=colour(0),
        alpha=0.2,
        linewidth=0,
    )
    ax.plot(x, [p[key] for p in points], marker="o", markersize=3.5, color=colour(0))
