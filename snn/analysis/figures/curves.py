"""Training curves of the best and the worst runs, from their ``metrics.csv``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from snn.analysis.figures.style import colour, new_figure, shortened
from snn.analysis.study import Study

MOST = 5  # runs on each side


def read_curve(path: Path, column: str) -> tuple[list[int], list[float]]:
    """Epochs, counted from 1, and a column of a run's ``metrics.csv``; empty if it has none."""
    epochs, values = [], []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row.get(column):
                    value, epoch = float(row[column]), int(row["epoch"]) + 1
                    epochs.append(epoch)
                    values.append(value)
    except (OSError, ValueError, KeyError, csv.Error):
        return [], []  # a curve is an extra; a damaged one must not cost the summary
    return epochs, values


def compared_curves(study: Study, names: Sequence[str]) -> Figure | None:
    """Accuracy of each run after each epoch, over one another; None if no run left its curve."""
    splits = {"train/accuracy": ("training", "--"), "val/accuracy": ("validation", "-")}
    figure = new_figure(7.0, 3.8)
    panel = figure.subplots()
    for i, (run, name) in enumerate(zip(study.runs, names, strict=True)):
        for column, (split, line) in splits.items():
            epochs, values = read_curve(run.path / "metrics.csv", column)
            look = {"color": colour(i), "linestyle": line, "label": f"{name}, {split}"}
            look["marker"] = "o" if len(epochs) == 1 else None
            if epochs:
                panel.plot(epochs, [100 * value for value in values], **look)
    if not panel.lines:
        return None
    panel.set_xlabel("epoch")
    panel.set_ylabel("accuracy (%)")
    panel.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(loc="outside right upper", fontsize=7.5)
    return figure


def training_curves(study: Study) -> Figure | None:
    """Accuracy after each epoch; None if no run left its curve."""
    ranked = study.frame.dropna(subset="metric")
    order = ranked.sort_values(["metric", "tie"], ascending=False, kind="stable").index
    half = min(MOST, len(order) // 2) if len(order) > 1 else len(order)
    groups = {f"the best {half}": order[:half], f"the worst {half}": order[::-1][:half][::-1]}
    if len(order) == 1:
        groups = {"the only run": order}
    use_val = study.frame["val"].notna().any()
    column = "val/accuracy" if use_val else "train/accuracy"
    figure = new_figure(10.0 if len(groups) > 1 else 6.0, 3.6 + 0.17 * half)
    panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    drawn = 0
    for panel, (title, indices) in zip(panels, groups.items(), strict=True):
        for i, index in enumerate(indices):
            epochs, values = read_curve(study.runs[index].path / "metrics.csv", column)
            if not epochs:
                continue
            row = study.frame.loc[index]
            name = study.describe(row)
            if study.has_repeats:
                name += f", {row['repeat']}"
            panel.plot(
                epochs,
                [100 * v for v in values],
                color=colour(i),
                linestyle=("-", "--", "-.", ":", (0, (5, 1)))[i],
                marker="o" if len(epochs) == 1 else None,
                label=shortened(name, 70),
            )
            drawn += 1
        panel.set_title(title)
        panel.set_xlabel("epoch")
        if panel.lines:
            panel.xaxis.get_major_locator().set_params(integer=True)
            # Below the curves, so that it covers none.
            panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), fontsize=7.5)
    split = "validation" if use_val else "training"
    panels[0].set_ylabel(f"{split} accuracy (%)")
    return figure if drawn else None
