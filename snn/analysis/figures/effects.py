"""Shares of variance, main effects, interaction plots."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from matplotlib.figure import Figure

from snn.analysis.effects import (
    HIGHER,
    MAIN,
    PAIR,
    REPEAT,
    RESIDUAL,
    SHARED,
    Decomposition,
)
from snn.analysis.figures.scales import is_continuous, places, spread_along
from snn.analysis.figures.style import (
    GREY,
    colour,
    marker,
    new_figure,
    shortened,
)
from snn.analysis.matched import matched
from snn.analysis.study import Study
from snn.analysis.views import effect_name

MOST_BARS = 16
MOST_PAIRS = 6
MOST_PANELS = 8
KINDS = {
    MAIN: ("main effect", colour(0)),
    PAIR: ("interaction of two", colour(1)),
    HIGHER: ("interactions of three and more", colour(3)),
    SHARED: ("shared, not separable", colour(4)),
    REPEAT: ("seed or split", colour(5)),
    RESIDUAL: ("residual", GREY),
}


def effect_shares(study: Study, found: Decomposition) -> Figure:
    """A bar per term, largest first."""
    effects = sorted(found.effects, key=lambda e: -e.share)[:MOST_BARS][::-1]
    names = [effect_name(study, e.keys, e.kind, found.exact) for e in effects]
    figure = new_figure(8.0, 1.1 + 0.28 * len(effects))
    ax = figure.subplots()
    shares = [100 * effect.share for effect in effects]
    ax.barh(range(len(effects)), shares, color=[KINDS[e.kind][1] for e in effects], height=0.7)
    for place, share in enumerate(shares):
        ax.annotate(
            f"{share:.1f}",
            (max(share, 0), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    ax.set_yticks(range(len(effects)), [shortened(name, 48) for name in names])
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(f"share of the variance of {study.metric.title} (%)")
    ax.set_xlim(min(0, *shares), 1.12 * max(*shares, 1.0))
    kinds = [kind for kind in KINDS if any(e.kind == kind for e in effects)]
    handles = [figure.patch.__class__((0, 0), 1, 1, color=KINDS[kind][1]) for kind in kinds]
    ax.legend(handles, [KINDS[kind][0] for kind in kinds], loc="lower right", frameon=True)
    return figure


def main_effects(study: Study) -> Figure | None:
    """Mean of the metric at each value, on a scale that shows the differences."""
    axes = [axis for axis in study.axes.axes if not axis.is_search][:MOST_PANELS]
    if not axes:
        return None
    columns = min(4, len(axes))
    rows = -(-len(axes) // columns)
    figure = new_figure(max(4.0, 2.4 * columns), 2.8 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    factor = study.metric.factor
    for panel, axis in zip(panels.flat, axes, strict=False):
        grouped = matched(study, axis.key).groupby(axis.key)["value"]
        mean, n = factor * grouped.mean(), grouped.count()
        half = factor * grouped.std() / np.sqrt(n)  # none of a single run
        place = places(axis)[mean.index]
        panel.axhline(factor * study.frame["value"].mean(), color=GREY, linestyle=":", linewidth=1)
        line = "-" if is_continuous(axis) else ""
        panel.plot(place, mean, color=colour(0), marker="o", markersize=5, linestyle=line)
        several = half.notna().to_numpy()
        if several.any():
            panel.errorbar(
                *(place[several], mean[several], half[several]),
                fmt="none",
                ecolor=colour(0),
                capsize=3,
            )
        spread_along(panel, axis)
    for panel in panels.flat[len(axes) :]:
        panel.set_visible(False)
    for panel in panels[:, 0]:
        panel.set_ylabel(f"{study.metric.title}{study.metric.unit}")
    return figure


def interactions(study: Study, found: Decomposition | None) -> Figure | None:
    """Mean of the metric for pairs of axes, those with the largest share."""
    fit = {axis.key for axis in study.axes.axes if not axis.is_search}
    pairs = [pair for pair in combinations(study.keys, 2) if fit.issuperset(pair)]
    shares = {effect.keys: effect.share for effect in (found.of_kind(PAIR) if found else ())}
    pairs = sorted(pairs, key=lambda pair: -shares.get(pair, 0.0))[:MOST_PAIRS]
    if not pairs:
        return None
    columns = min(3, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = new_figure(max(5.0, 3.2 * columns), 3.3 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    legend_rows = 1
    for panel, pair in zip(panels.flat, pairs, strict=False):
        # The axis with more values runs along x: fewer lines are easier to follow.
        along, lines = sorted(map(study.axis, pair), key=lambda a: -len(a.levels))
        means = study.frame.groupby([lines.key, along.key])["value"].mean().unstack(0)
        for i, code in enumerate(means.columns):
            panel.plot(
                places(along)[means.index],
                study.metric.factor * means[code],
                color=colour(i),
                marker=marker(i),
                markersize=4.5,
                linestyle=("-", "--", "-.")[(i // 7) % 3],
                label=shortened(lines.shown[int(code)], 14),
            )
        spread_along(panel, along)
        share = f"\n{100 * shares[pair]:.1f} % of variance" if pair in shares else ""
        panel.set_title(f"{along.short} × {lines.short}{share}", fontsize=9)
        longest = max(len(shortened(level, 14)) for level in lines.shown)
        columns_of_legend = max(1, min(4, len(means.columns), 34 // (longest + 5)))
        legend_rows = max(legend_rows, -(-len(means.columns) // columns_of_legend))
        panel.legend(
            title=lines.title,
            ncols=columns_of_legend,
            fontsize=7.5,
            title_fontsize=8,
            loc="upper right",
            frameon=True,
            framealpha=0.85,
            columnspacing=0.9,
            handlelength=1.6,
        )
    for panel in panels.flat[len(pairs) :]:
        panel.set_visible(False)
    for panel in panels[:, 0]:
        panel.set_ylabel(f"{study.metric.title}{study.metric.unit}")
    low, high = panels[0, 0].get_ylim()
    # Room for the legends above the lines.
    panels[0, 0].set_ylim(low, high + (0.20 + 0.15 * legend_rows) * (high - low))
    return figure
