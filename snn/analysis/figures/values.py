"""What each value of a parameter gives, averaged over all others; collapsed runs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes as Panel
from matplotlib.figure import Figure

from snn.analysis.axes import Axis
from snn.analysis.collapse import Collapse
from snn.analysis.figures.scales import is_continuous, places, spread_along
from snn.analysis.figures.style import BOX, GREY, colour, level_ticks, marker, new_figure
from snn.analysis.metric import SPLITS
from snn.analysis.recommend import marginal_means
from snn.analysis.study import Study

SHOWN = ("train", "val")  # test accuracies are no help to choose by
OF_THESIS = ("train", "test")
COLOURS = {"train": colour(0), "val": colour(1), "test": colour(2)}
MARKERS = {"train": marker(0), "val": marker(1), "test": marker(2)}
MOST_LABELLED = 6  # values; with more, numbers in the bars would touch
MOST_LEVEL = 9  # bars; with more, numbers are turned


def value_points(study: Study, axis: Axis) -> Figure:
    """Mean training and validation accuracy and run time of each value, with spread."""
    figure, left, right = _panels(axis)
    scattered = axis.is_search or study.is_search
    if scattered:
        _scatter(left, right, study, axis)
    else:
        means = marginal_means(study, axis.key).reindex(range(len(axis.levels)))
        place = places(axis)
        for split in SHOWN:
            if means[split].notna().any():
                look = {"color": COLOURS[split], "marker": MARKERS[split], "label": SPLITS[split]}
                look["linestyle"] = "-" if is_continuous(axis) else ""
                left.plot(place, 100 * means[split], markersize=5, **look)
                _error_bars(
                    *(left, place, 100 * means[split], 100 * means[f"{split}_sd"]),
                    *(100.0, COLOURS[split]),
                )
        right.plot(
            *(place, means["seconds"]),
            color=GREY,
            marker="o",
            markersize=5,
            linestyle="-" if is_continuous(axis) else "",
        )
        _error_bars(right, place, means["seconds"], means["seconds_sd"])
        right.set_ylim(bottom=0)
    left.set_ylabel("mean accuracy (%)" if not scattered else "accuracy (%)")
    right.set_ylabel("mean training time (s)" if not scattered else "training time (s)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    for panel in (left, right):
        spread_along(panel, axis)
    return figure


def thesis_bars(study: Study, axis: Axis) -> Figure:
    """Mean training and test accuracy and run time of each value, as the thesis draws them."""
    figure, left, right = _panels(axis)
    means = marginal_means(study, axis.key).reindex(range(len(axis.levels)))
    shown = [split for split in OF_THESIS if means[split].notna().any()]
    bar = 0.8 / max(1, len(shown))
    tallest = 0.0
    for i, split in enumerate(shown):
        place = np.arange(len(means)) + (i - (len(shown) - 1) / 2) * bar
        heights, spread = 100 * means[split], 100 * means[f"{split}_sd"]
        tallest = max(tallest, (heights + spread.fillna(0)).max())
        left.bar(place, heights, 0.94 * bar, color=COLOURS[split], label=SPLITS[split])
        _error_bars(left, place, heights, spread, top=100.0)
        if len(means) <= MOST_LABELLED:
            _numbers(left, place, heights, upright=len(means) * len(shown) > MOST_LEVEL)
    left.set_ylim(0, min(105.0, max(5.0, 1.15 * tallest)))
    left.set_ylabel("mean accuracy (%)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=3)
    right.bar(range(len(means)), means["seconds"], 0.6, color=GREY)
    _error_bars(right, np.arange(len(means)), means["seconds"], means["seconds_sd"])
    right.set_ylabel("mean training time (s)")
    right.set_ylim(bottom=0)
    for panel in (left, right):
        panel.grid(axis="x", visible=False)
        panel.set_xlabel(axis.title)
        level_ticks(panel, axis.shown)
    return figure


def _panels(axis: Axis) -> tuple[Figure, Panel, Panel]:
    narrow = axis.is_search or len(axis.levels) <= MOST_LABELLED
    figure = new_figure(8.0 if narrow else 10.0, 3.3)
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    return figure, left, right


def _numbers(panel: Panel, place, heights, upright: bool) -> None:
    """The height of each bar at its foot, where no spread covers it; finer where all are alike."""
    digits = 2 if heights.max() - heights.min() < 1 else 1
    for x, height in zip(place, heights, strict=True):
        if height == height:
            panel.text(
                *(x, 0.02, f"{height:.{digits}f}"),
                transform=panel.get_xaxis_transform(),
                ha="center",
                fontsize=7.5,
                rotation=90 if upright else 0,
                zorder=5,
                bbox=BOX,
            )


def _error_bars(
    panel: Panel, place, heights, spread, top: float = np.inf, shade: str = "black"
) -> None:
    """One standard deviation up and down, but not past what is possible; none of a single run."""
    known = spread.notna().to_numpy()
    place, heights, spread = np.asarray(place)[known], heights[known], spread[known]
    down, up = np.minimum(spread, heights), np.minimum(spread, top - heights).clip(lower=0)
    panel.errorbar(place, heights, [down, up], fmt="none", ecolor=shade, elinewidth=1, capsize=2.5)


def _scatter(left: Panel, right: Panel, study: Study, axis: Axis) -> None:
    """A point per run, for an axis with too many values for means."""
    x = places(axis)[study.frame[axis.key]]
    for split in SHOWN:
        if study.frame[split].notna().any():
            look = {"color": COLOURS[split], "label": SPLITS[split], "alpha": 0.6}
            left.plot(x, 100 * study.frame[split], ".", **look)
    right.plot(x, study.frame["seconds"], ".", color=GREY, alpha=0.6)


def collapsed_bars(study: Study, collapse: Collapse) -> Figure:
    """Share of collapsed runs at each value of each axis."""
    axes = [axis for axis in study.axes.axes if not axis.is_search][:8]
    columns = min(4, len(axes))
    rows = -(-len(axes) // columns)
    figure = new_figure(max(4.0, 2.4 * columns), 2.6 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for panel, axis in zip(panels.flat, axes, strict=False):
        shares = 100 * collapse.mask.groupby(study.frame[axis.key]).mean()
        panel.bar(shares.index, shares, 0.6, color=colour(5))
        panel.set_xlabel(axis.title)
        panel.grid(axis="x", visible=False)
        level_ticks(panel, axis.shown)
        panel.set_ylim(0, 105)
    for panel in panels.flat[len(axes) :]:
        panel.set_visible(False)
    for panel in panels[:, 0]:
        panel.set_ylabel("collapsed runs (%)")
    return figure
