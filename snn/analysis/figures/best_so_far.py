"""How good the best point is after each run: of one search, or of several beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from snn.analysis.figures.style import GREY, colour, lowest_shown, marker, new_figure
from snn.analysis.study import Study


def in_order(study: Study) -> list[float]:
    """The metric, larger is better, of each run in the order in which they began; NaN for none."""
    return [float(study.frame["metric"].iloc[i]) for i in by_start(study)]


def by_start(study: Study) -> list[int]:
    """Positions of a study's runs in the order in which they began."""
    starts = [str(run.result.get("start") or "") for run in study.runs]
    return sorted(range(len(starts)), key=lambda i: starts[i])


def best_so_far(values: Sequence[float]) -> np.ndarray:
    """The largest value up to each place; NaN before the first."""
    return np.fmax.accumulate(np.asarray(values, dtype=float))


def search_course(study: Study) -> Figure | None:
    """Each run in its turn, and the best so far; None with fewer than two results."""
    values = np.array(in_order(study))
    if np.isfinite(values).sum() < 2:
        return None
    sign = study.metric.factor * (1 if study.metric.higher_is_better else -1)
    figure = new_figure(7.0, 3.3)
    panel = figure.subplots()
    turns = np.arange(1, len(values) + 1)
    panel.plot(turns, sign * values, "o", color=GREY, alpha=0.6, markersize=4, label="each run")
    panel.plot(
        turns,
        sign * best_so_far(values),
        color=colour(0),
        drawstyle="steps-post",
        label="best so far",
    )
    panel.set_xlabel("runs")
    panel.set_ylabel(f"{study.metric.title}{study.metric.unit}")
    panel.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def compared_courses(
    courses: Mapping[str, Sequence[Sequence[float]]],
    ylabel: str,
    *,
    level: tuple[str, float] | None = None,
    most: int | None = None,
) -> Figure:
    """The best so far of several ways to search, each repeated some times.

    Args:
        courses: by name, of each repetition the value of each run in its turn (larger is better).
        ylabel: what is drawn.
        level: a name and a value to reach.
        most: runs that are shown.
    """
    figure = new_figure(7.5, 4.0)
    panel = figure.subplots()
    lowest: list[float] = []
    highest = level[1] if level is not None else -np.inf
    for i, (name, repeats) in enumerate(courses.items()):
        length = min(min(map(len, repeats)), most or len(repeats[0]))
        best = np.array([best_so_far(values)[:length] for values in repeats])
        turns = np.arange(1, length + 1)
        look = {"color": colour(i), "drawstyle": "steps-post"}
        for course in best:
            panel.plot(turns, course, linewidth=0.7, alpha=0.35, **look)
        label = f"{name} (mean of {len(best)})" if len(best) > 1 else name
        panel.plot(
            *(turns, best.mean(axis=0)),
            **look,
            linewidth=2,
            label=label,
            marker=marker(i),
            markersize=4,
            markevery=max(1, length // 8),
        )
        lowest += list(best.mean(axis=0))
        highest = max(highest, np.nanmax(best))
    if level is not None:
        panel.axhline(level[1], color="black", linestyle=":", linewidth=1, label=level[0])
    low = lowest_shown(lowest)
    room = 0.05 * (highest - low or 1)
    panel.set_ylim(low - room, highest + room)
    panel.set_xlabel("runs")
    panel.set_ylabel(ylabel)
    panel.legend(loc="lower right", frameon=True)
    return figure
