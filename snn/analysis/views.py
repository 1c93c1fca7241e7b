"""The tables of a study: the thesis's own view, and what the thesis could not say."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from snn.analysis.collapse import Collapse
from snn.analysis.costs import energy_source
from snn.analysis.effects import HIGHER, REPEAT, RESIDUAL, SHARED, Decomposition
from snn.analysis.matched import NOTE
from snn.analysis.recommend import Choice, point_of, recommend
from snn.analysis.records import Records
from snn.analysis.statistics import wilson
from snn.analysis.study import Study
from snn.analysis.tables import (
    Table,
    brief,
    number_text,
    percent,
    significant,
    with_spread,
)
from snn.analysis.thesis import THESIS

MOST_CAUSES = 60
# Column of a study's frame: (factor, title).
ENERGIES = (
    ("joules", 1.0, "training energy (J)"),
    ("joules_per_sample", 1e3, "energy per inference (mJ)"),
)


def ranked_text(study: Study, mean: float, sd: float = float("nan")) -> str:
    """The metric as a reader wants it: accuracies in per cent."""
    metric = study.metric
    return with_spread(mean, sd, metric.factor, 2 if metric.is_accuracy else 4)


def recommended_table(study: Study) -> Table:
    """Tables 2-4 of the thesis beside ours."""
    thesis = THESIS.get(study.data)
    ours, by_train = recommend(study), {c.axis.key: c for c in recommend(study, "train")}
    same = study.metric.split == "train" and study.metric.is_accuracy
    columns = ["parameter", "values", f"by {study.metric.title}", "lead over next"]
    columns += [] if same else ["by training accuracy"]
    columns += [f"thesis (table {thesis.table})"] if thesis else []
    table = Table("recommended", "Recommended combination", columns, words=2)
    for choice in ours:
        key = choice.axis.key
        lead = ranked_text(study, choice.lead) + (" points" if study.metric.is_accuracy else "")
        row = [choice.axis.short, _range(choice), choice.level + choice.mark, lead]
        if not same:
            row.append(by_train[key].shown if key in by_train else "-")
        if thesis:
            row.append("".join(thesis.recommended.get(key, ("-", ""))))
        table.rows.append(row)
    missing = [k for k in thesis.recommended if k not in study.keys] if thesis else []
    for key in missing:
        used = sorted({str(run.config.get(key)) for run in study.runs})
        row = [key, ", ".join(used), "not varied", "-", *([] if same else ["-"])]
        table.rows.append([*row, "".join(thesis.recommended[key])])
    table.note = "+ or -: the largest or smallest value was best, so that going on may help."
    if study.metric.is_accuracy and any(choice.tied for choice in ours):
        table.note += " Without a lead, the lower loss on the same samples decided."
    if not study.is_full_factorial:
        table.note += f" {NOTE}"
    table.note += " " + " ".join(gains(study, ours))
    return table


def _range(choice: Choice) -> str:
    levels = choice.axis.levels
    return f"{len(levels)} values" if choice.axis.is_search else ", ".join(levels)


def gains(study: Study, choices: Sequence[Choice]) -> list[str]:
    """What the recommended combination is worth, in sentences."""
    point, mean = point_of(study, list(choices)), study.frame["value"].mean()
    unit = study.metric.unit.translate(str.maketrans("", "", "()"))
    title, thesis = study.metric.title, THESIS.get(study.data)
    said = [f"Mean {title} of all runs: {ranked_text(study, mean)}{unit}."]
    if point is None:
        said.append("The recommended combination itself was not run.")
    else:
        points = " points" if study.metric.is_accuracy else ""
        gain = ranked_text(study, point["value"] - mean) + points
        train_gain = percent(point["train"] - study.frame["train"].mean())
        said.append(
            f"The recommended combination has {ranked_text(study, point['value'])}{unit}, a gain "
            f"of {gain}; training accuracy {percent(point['train'])} %, a gain of {train_gain} "
            "points."
        )
    if thesis:
        said.append(
            f"The thesis quotes {100 * thesis.accuracy:.2f} % on training data, a gain of "
            f"{thesis.gain}, and says: {thesis.claims}."
        )
    return said


def ranking_table(study: Study) -> Table:
    """All points, best first, without test accuracies, lest somebody chooses by them."""
    metric, n = study.metric, study.samples(study.metric.split or "")
    columns = ["rank", *(axis.short for axis in study.axes.axes), f"{metric.title}{metric.unit}"]
    interval = metric.is_accuracy and n is not None
    columns += ["95 % interval"] if interval else []
    columns += ["runs"] if study.has_repeats else []
    columns += [] if metric.key.endswith("train.accuracy") else ["train (%)"]
    columns += ["time (s)", "spikes per sample"]
    table = Table("ranking", f"Ranking by {metric.title}", columns, words=1 + len(study.keys))
    for rank, (_, point) in enumerate(study.points.iterrows(), start=1):
        value = point["value"]
        row = [str(rank) if value == value else "-", *study.levels(point)]
        row.append(ranked_text(study, value, point["value_sd"]))
        if interval:
            row.append(interval_text(value, n))
        if study.has_repeats:
            row.append(str(int(point["n"])))
        if not metric.key.endswith("train.accuracy"):
            row.append(percent(point["train"]))
        row += [brief(point["seconds"]), brief(point["spikes"])]
        table.rows.append(row)
    spread = f"Mean ± standard deviation over {study.axes.repeated}. " if study.has_repeats else ""
    table.note = spread
    if interval:
        table.note += f"Wilson's interval for one run on {n} samples: chance between samples. "
    if metric.is_accuracy:
        table.note += "Equal accuracies are ordered by the loss on the same samples. "
    table.note += f"Accuracies of the {study.weights} weights."
    return table


def interval_text(share: float, n: int | None) -> str:
    if share != share or not n:
        return "-"
    low, high = wilson(share, n)
    return f"{percent(low)} – {percent(high)}"


def best_table(study: Study) -> Table:
    """The chosen point, and its test accuracy: the only one that the ranking reports."""
    best = study.points.iloc[0]
    n_test = study.samples("test")
    title = "The best point, and its test accuracy" if study.tested else "The best point"
    table = Table("best", title, ["", "result"], words=1)
    table.rows += [[axis.key, level] for axis, level in _levels(study, best)]
    metric = study.metric
    table.rows.append(
        [f"{metric.title}{metric.unit}", ranked_text(study, best["value"], best["value_sd"])]
    )
    if study.tested and metric.key != f"metrics.{study.weights}.test.accuracy":
        table.rows.append(["test accuracy (%)", with_spread(best["test"], best["test_sd"], 100)])
    if study.tested:
        of_one = " of one run" if best["n"] > 1 else ""
        interval = interval_text(best["test"], n_test)
        table.rows.append([f"95 % interval{of_one} (n = {n_test})", interval])
    table.rows.append(["training accuracy (%)", with_spread(best["train"], best["train_sd"], 100)])
    table.rows.append(["runs", str(int(best["n"]))])
    table.rows.append(["training time (s)", brief(best["seconds"])])
    for name, factor, title in ENERGIES:
        if best[name] == best[name]:
            named = f"{title}, {energy_source(study.runs)}"
            table.rows.append([named, significant(factor * best[name])])
    table.rows.append(["hidden spikes per sample", brief(best["spikes"])])
    if best["synops"] == best["synops"]:
        table.rows.append(["synaptic operations per sample", brief(best["synops"])])
    table.note = _company(study, best)
    return table


def _levels(study: Study, point: pd.Series):
    return zip(study.axes.axes, study.levels(point), strict=True)


def _company(study: Study, best: pd.Series) -> str:
    """How many other points the sample size cannot tell from the best."""
    n = study.samples(study.metric.split or "")
    if not study.metric.is_accuracy or n is None or len(study.points) < 2:
        return ""
    low, _ = wilson(best["value"], n)
    others, left = int((study.points["value"].iloc[1:] >= low).sum()), len(study.points) - 1
    share = {0: "None", left: "All"}.get(others, str(others))
    lie = f"{share} of the {left} other points {'lies' if others == 1 else 'lie'}"
    if left == 1:
        lie = "The other point lies" if others else "The other point does not lie"
    return (
        f"{lie} within the 95 % interval that {n} {study.metric.title.split()[0]} samples leave to "
        "the best one's accuracy if it were of one run."
    )


def seeds_table(study: Study) -> Table:
    """Spread over seeds of the points with repeats."""
    title = study.metric.title
    table = Table(
        "seeds",
        f"Spread of {title} over {study.axes.repeated}{study.metric.unit}",
        [*(axis.short for axis in study.axes.axes), "runs", "mean", "sd", "lowest", "highest"],
        words=len(study.keys),
        note=f"sd: standard deviation over {study.axes.repeated} (n - 1).",
    )
    grouped = study.frame.groupby(study.keys)["value"] if study.keys else None
    digits = 2 if study.metric.is_accuracy else 4
    for _, point in study.points[study.points["n"] > 1].iterrows():
        cell = tuple(point[key] for key in study.keys)
        values = study.frame["value"]
        if grouped is not None:
            values = grouped.get_group(cell)
        numbers = [values.mean(), values.std(), values.min(), values.max()]
        shown = [number_text(v * study.metric.factor, digits) for v in numbers]
        table.rows.append([*study.levels(point), str(int(point["n"])), *shown])
    if table.rows:
        pooled = (study.points["value_sd"] ** 2).mean() ** 0.5
        table.note += f" Pooled over points: {ranked_text(study, pooled)}."
    return table


def effects_table(study: Study, found: Decomposition, collapsed: bool = True) -> Table:
    """The variance decomposition, largest share first within each kind.

    Args:
        study: whose.
        found: its effects.
        collapsed: whether collapsed runs were counted.
    """
    repeats = any(effect.omega_sq is not None for effect in found.effects)
    columns = ["term", "share of variance (%)", *(["ω² (%)"] if repeats else []), "df"]
    title = f"What {study.metric.title} depends on"
    table = Table("effects", title, columns)
    if not collapsed:
        table = Table("effects_without_collapsed", f"{title}, without collapsed runs", columns)
    for effect in found.effects:
        row = [effect_name(study, effect.keys, effect.kind, found.exact), percent(effect.share, 1)]
        if repeats:
            row.append("-" if effect.omega_sq is None else percent(effect.omega_sq, 1))
        table.rows.append([*row, str(effect.df)])
    total = sum(effect.share for effect in found.effects)
    columns = ["sum", percent(total, 1), *(["-"] if repeats else [])]
    table.rows.append([*columns, str(sum(effect.df for effect in found.effects))])
    table.note = found.note
    if repeats:
        table.note += " ω²: the share less what chance between runs would give."
    return table


def effect_name(study: Study, keys: Sequence[str], kind: str, exact: bool) -> str:
    """A term in words: ``nb_hidden × scale``."""
    residual = "chance between runs" if exact else "residual of the fit"
    sums = {HIGHER: "three-way and higher", RESIDUAL: residual, SHARED: "shared (not separable)"}
    sums[REPEAT] = f"which of the {study.axes.repeated}"
    return sums.get(kind) or " × ".join(study.axis(key).short for key in keys)


def collapsed_table(study: Study, collapse: Collapse) -> Table:
    """How many runs collapsed at each value."""
    table = Table(
        "collapsed",
        "Collapsed runs by parameter value",
        ["parameter", "value", "collapsed", "runs", "share (%)", "share elsewhere (%)"],
        words=2,
    )
    for cause in collapse.causes[:MOST_CAUSES]:
        other = cause.other_collapsed / cause.other_runs if cause.other_runs else float("nan")
        counts = [str(cause.collapsed), str(cause.runs)]
        shares = [percent(cause.collapsed / cause.runs, 1), percent(other, 1)]
        table.rows.append([study.axis(cause.key).short, cause.level, *counts, *shares])
    return table


def states_table(records: Records, states: Sequence[str]) -> Table:
    """Runs that did not complete, with their error."""
    table = Table("unfinished", "Runs that are not completed", ["run", "state", "error"], words=3)
    table.rows = [[run.name, run.state, run.error or "-"] for run in records.of_state(*states)]
    return table


def damaged_table(records: Records) -> Table:
    """Records that were left out."""
    table = Table("damaged", "Damaged records, left out", ["run", "what is wrong"], words=2)
    table.rows = [[name, why] for name, why in records.damaged.items()]
    return table
