"""Figures of a study, drawn without pyplot: nothing global, no display needed."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from snn.analysis.collapse import Collapse
from snn.analysis.effects import Decomposition
from snn.analysis.figures.best_so_far import search_course
from snn.analysis.figures.curves import training_curves
from snn.analysis.figures.effects import effect_shares, interactions, main_effects
from snn.analysis.figures.points import costs, parallel_coordinates
from snn.analysis.figures.values import collapsed_bars, thesis_bars, value_points
from snn.analysis.study import Study


def draw_all(
    study: Study,
    effects: Decomposition | None,
    collapse: Collapse | None,
    thesis: bool = False,
) -> Iterator[tuple[str, str, Figure]]:
    """``(name, what it shows, figure)`` one at a time, those that the study has data for.

    Args:
        study: what is drawn.
        effects: what its metric depends on, if that can be told.
        collapse: which runs learned nothing, if that can be told.
        thesis: draw the thesis's own view too, which has test accuracies.
    """
    weights = f"{study.weights} weights"
    spread = "; the bars are one standard deviation over runs" if study.spreads else ""
    for axis in study.axes.axes:
        name = axis.short.replace("/", "_")
        means = f"{axis.key}: means over all other parameters{spread} ({weights})."
        if axis.is_search or study.is_search:
            means = f"{axis.key}: a point per run ({weights})."
        yield f"values_{name}", means, value_points(study, axis)
        if thesis and not study.is_search and not axis.is_search:
            yield f"thesis_{name}", means, thesis_bars(study, axis)
    if effects is not None:
        yield (
            "effects",
            f"Shares of the variance of {study.metric.title} over all runs.",
            effect_shares(study, effects),
        )
    ranked = study.frame["metric"].notna().sum()
    # Means over all other parameters need points that others are spread over evenly.
    figure = main_effects(study) if ranked > 1 and not study.is_search else None
    if figure is not None:
        yield (
            "main_effects",
            f"Mean {study.metric.title} at each value"
            + (
                "; bars are one standard error, from the spread over all other parameters and seeds"
                if study.spreads
                else ""
            )
            + ". The dotted line is the mean of all runs.",
            figure,
        )
    if len(study.keys) > 1 and ranked > 3 and not study.is_search:
        figure = interactions(study, effects)
        if figure is not None:
            yield (
                "interactions",
                f"Mean {study.metric.title} for pairs of parameters: lines that are not parallel "
                "interact. The pairs with the largest share are shown.",
                figure,
            )
    if ranked > 1:
        yield (
            "costs",
            f"{study.metric.title.capitalize()} against training time and against spikes. No "
            "point is both cheaper and better than one on the line (Pareto front).",
            costs(study),
        )
        if study.keys:
            yield (
                "parallel",
                "Every point is a line through its values; the colour is its "
                f"{study.metric.title}, the best five are drawn thick.",
                parallel_coordinates(study),
            )
    figure = search_course(study) if study.is_search else None
    if figure is not None:
        yield (
            "best_so_far",
            f"The {study.metric.title} of each run in the order in which they began, and the best "
            "so far.",
            figure,
        )
    figure = training_curves(study)
    if figure is not None:
        yield "curves", "Training of the best and of the worst runs.", figure
    if collapse is not None and collapse.mask.any() and collapse.causes:
        yield (
            "collapsed",
            f"Share of collapsed runs (training accuracy at most {100 * collapse.limit:.1f} %).",
            collapsed_bars(study, collapse),
        )
