"""What each value gives and takes, averaged over all other parameters."""

from __future__ import annotations

from snn.analysis.costs import energy_source
from snn.analysis.matched import NOTE
from snn.analysis.recommend import marginal_means
from snn.analysis.study import Study
from snn.analysis.tables import Table, with_spread

MOST_OF_SEARCH = 10  # values shown of an axis that has too many for a grid


def values_table(study: Study, thesis: bool = False) -> Table:
    """What each value gives on training and validation data, and what time and energy it takes.

    Args:
        study: whose values.
        thesis: the thesis's own view instead, its figures 13-20 and 23-26 as numbers: training and
            test data.
    """
    splits = {"train": "train (%)"}
    splits |= {"val": "validation (%)"} if study.validated and not thesis else {}
    splits |= {"test": "test (%)"} if thesis and study.tested else {}
    counted = bool(study.frame["joules"].notna().any())
    table = Table(
        "thesis" if thesis else "values",
        "Each value, averaged over all other parameters",
        [
            *("parameter", "value", "runs", *splits.values(), "time (s)"),
            *(["energy (J)"] if counted else []),
        ],
        words=2,
        note=f"{'Mean ± standard deviation over runs' if study.spreads else 'One run each'}; "
        f"{study.weights} weights; time {'and energy are those' if counted else 'is that'} of "
        f"training.{energy_note(study)}" + ("" if study.is_full_factorial else f" {NOTE}"),
    )
    for axis in study.axes.axes:
        means = marginal_means(study, axis.key)
        if axis.is_search:
            means = means.sort_values("metric", ascending=False).iloc[:MOST_OF_SEARCH]
        for code, row in means.iterrows():
            accuracies = [with_spread(row[m], row[f"{m}_sd"], 100) for m in splits]
            time = with_spread(row["seconds"], row["seconds_sd"], 1, 1)
            name, level = axis.short, axis.shown[int(code)]
            energy = [with_spread(row["joules"], row["joules_sd"], 1, 1)] if counted else []
            table.rows.append([name, level, str(int(row["n"])), *accuracies, time, *energy])
        if axis.is_search:
            left = f"{len(axis.levels) - len(means)} more, not as good"
            table.rows.append([axis.short, left, *["-"] * (len(table.columns) - 2)])
    return table


def energy_note(study: Study) -> str:
    """Where the energy of runs comes from, as a sentence; empty where none is known."""
    known = [run for run in study.runs if run.result.get("energy.training.joules") is not None]
    counters = sorted({str(run.result.get("energy.counters")) for run in known})
    if not counters:
        return ""
    few = "; ".join(counters[:2]) + (" and others" if len(counters) > 2 else "")
    return f" Energy is {energy_source(study.runs)} ({few})."
