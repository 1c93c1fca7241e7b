"""From the records of one or several sweeps to figure and table of :mod:`snn.analysis.paying`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from snn.analysis.collapse import find_collapsed
from snn.analysis.export import write_csv
from snn.analysis.figures.paying import paying_figure
from snn.analysis.figures.style import save, styled
from snn.analysis.paying import MARGIN, SPIKES, Curve, curves
from snn.analysis.records import Run, read_records
from snn.analysis.report import Section
from snn.analysis.sections import write_table
from snn.analysis.study import Study, make_study
from snn.analysis.tables import Table, brief, number_text, percent, with_spread
from snn.errors import RunError
from snn.runs.search_plan import searches

NAME, FOLDER = "less_is_more", "summary"
HERE, BEST, MAY_PAY = "stops paying", "best", "more may pay"


@dataclass
class LessIsMore:
    """What was written.

    Attributes:
        files: the figures.
        lead: how many runs it was made of.
        sections: one per data set, for the terminal.
    """

    lead: str
    files: list[Path] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)


def less_is_more(
    directories: Sequence[Path], metric: str | None = None, margin: float = MARGIN
) -> LessIsMore:
    """Write figure and table of each data set to the ``summary`` folder of the first directory.

    Args:
        directories: of sweeps.
        metric: an accuracy; None: that of the validation part where there is one.
        margin: what an accuracy may be behind the best, 0..1.

    Raises:
        RunError: there is no completed run, the metric is no accuracy, no data set has a parameter
            to draw, or the folder cannot be written to.
    """
    runs = _completed(directories)
    names = sorted({run.data for run in runs})
    done = LessIsMore(f"{len(runs)} completed runs of {', '.join(names)}.")
    plans = [plan for directory in directories for plan in searches(directory)]
    for name in names:
        of_data = [run for run in runs if run.data == name]
        study = make_study(name, of_data, metric, plans=plans)
        if not study.metric.is_accuracy:
            raise RunError(f"--metric {metric}: no accuracy, which --less-is-more is about")
        found = curves(study, margin)
        if found:
            stem = directories[0] / FOLDER / (NAME if len(names) == 1 else f"{NAME}_{name}")
            done.sections.append(_written(study, found, stem))
            done.files.append(stem.with_suffix(".png"))
    if not done.files:
        raise RunError(
            f"{directories[0]}: no grid over hidden neurons, time steps, or what sets the number "
            "of spikes (regulariser, threshold, event dropout) with runs that learned; sweep one, "
            "e.g. model.regularizer=0,1e-6,1e-5"
        )
    return done


def _completed(directories: Sequence[Path]) -> list[Run]:
    """Of all directories, each run under a name of its own."""
    several, runs = len(directories) > 1, []
    for directory in directories:
        for run in read_records(directory).of_state("completed"):
            name = f"{directory.name}/{run.name}" if several else run.name
            runs.append(replace(run, name=name))
    if not runs:
        raise RunError(f"{directories[0]}: no completed run lies below it")
    return runs


def _written(study: Study, found: Sequence[Curve], stem: Path) -> Section:
    section = Section(f"Less is more: {study.data}", warnings=list(study.notes))
    section.tables.append(paying_table(study, found, stem.name))
    section.paragraphs += [sentence(study, curve) for curve in found]
    try:
        stem.parent.mkdir(exist_ok=True)
        with styled():
            save(paying_figure(study, found), stem)
        write_table(section.tables[0], stem.parent)
        write_csv(numbers(found), stem.with_suffix(".csv"))
    except OSError as error:
        raise RunError(f"{stem.parent}: cannot be written ({error})") from error
    return section


def paying_table(study: Study, found: Sequence[Curve], name: str = NAME) -> Table:
    """A row per value of each curve."""
    table = Table(
        name,
        f"Where more stops paying in {study.metric.title}",
        [
            *("parameter", "value", "", "spikes per sample", f"{study.metric.title} (%)"),
            *("behind the best (points)", "one standard error", "replicates × points"),
        ],
        words=3,
    )
    for curve in found:
        for i, value in enumerate(curve.values):
            here = MAY_PAY if curve.pays_on else HERE
            marks = [word for word, at in ((here, curve.knee), (BEST, curve.best)) if at == i]
            table.rows.append(
                [
                    *(curve.axis.short, value, ", ".join(marks)),
                    brief(curve.spikes[i]),
                    with_spread(curve.accuracy[i], curve.accuracy_sd[i], 100),
                    percent(curve.behind[i]),
                    number_text(100 * curve.error[i]) if i != curve.best else "-",
                    f"{curve.replicates} × {curve.runs}",
                ]
            )
    table.note = (
        "Means over all other parameters, ± standard deviation over replicates, where there are "
        "several. More stops paying at the smallest size, or fewest spikes, that is at most "
        f"{percent(found[0].margin)} points behind the best, or one standard error of that "
        "difference if this is more. "
        f"{study.metric.weights.capitalize()} weights.{_left_out(study)}"
    )
    return table


def _left_out(study: Study) -> str:
    collapse = find_collapsed(study)
    count = 0 if collapse is None else int(collapse.mask.sum())
    return f" Collapsed runs are left out: {count} of {len(study.runs)}." if count else ""


def sentence(study: Study, curve: Curve) -> str:
    """What a curve says."""
    knee, best = curve.knee, curve.best
    at, more = (f"{percent(curve.accuracy[i])} %" for i in (knee, best))
    size, other = (_size(curve, i) for i in (knee, best))
    if curve.pays_on:
        said = f"{size}, the most that was run, has {at}, and nothing less does: more may pay."
    elif knee == best:
        said = f"More than {size} does not pay: it has {at}, the best."
    else:
        said = f"More than {size} does not pay: it has {at}, where {other} has {more}."
    return said if curve.replicates > 1 else f"{said} One replicate: chance is not known."


def _size(curve: Curve, at: int) -> str:
    """``nb_hidden=200``, or ``391 spikes per sample (regularizer=0.001)``."""
    value = f"{curve.axis.short}={curve.values[at]}"
    if curve.panel == SPIKES:
        return f"{brief(curve.sizes[at])} spikes per sample ({value})"
    return value


def numbers(found: Sequence[Curve]) -> pd.DataFrame:
    """The same as numbers; accuracies 0..1."""
    return pd.DataFrame(
        {
            "parameter": curve.axis.key,
            "value": value,
            "spikes_per_sample": curve.spikes[i],
            "accuracy": curve.accuracy[i],
            "accuracy_sd": curve.accuracy_sd[i],
            "behind_best": curve.behind[i],
            "standard_error": curve.error[i],
            "allowed": curve.allowed[i],
            "stops_paying": i == curve.knee and not curve.pays_on,
            "replicates": curve.replicates,
            "points": curve.runs,
        }
        for curve in found
        for i, value in enumerate(curve.values)
    )
