"""Two or more runs beside each other: what differs in configuration, results and training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase

from snn.analysis.choice import difference_text
from snn.analysis.difference import Difference, of_shares
from snn.analysis.figures.curves import compared_curves
from snn.analysis.figures.style import save, styled
from snn.analysis.interactive import app_data
from snn.analysis.records import Records, Run, read_run
from snn.analysis.report import Picture, Section, page
from snn.analysis.sections import write_table
from snn.analysis.study import Study, make_study
from snn.analysis.summary import FOLDER, Summary, write_page
from snn.analysis.tables import Table, brief, percent, significant
from snn.analysis.values import label
from snn.energy.operations import CRITICISM
from snn.errors import RunError

RAN_ON = ("device", "threads", "backend", "git_revision", "nb_parameters")
QUANTITIES = {
    "val": ("validation accuracy (%)", percent),
    "train": ("training accuracy (%)", percent),
    "test": ("test accuracy (%)", percent),
    "seconds": ("training time (s)", brief),
    "spikes": ("hidden spikes per sample", brief),
    "synops": ("synaptic operations per sample", brief),
    "joules": ("training energy (J)", significant),
    "joules_per_sample": ("energy per inference (J)", significant),
    "macs": ("MACs per sample", significant),
    "acs": ("ACs per sample", significant),
    "arithmetic": ("energy of MACs and ACs, estimated (J)", significant),
}


def compare(paths: Sequence[Path], metric: str | None = None, thesis: bool = False) -> Summary:
    """Write what runs differ in to the ``summary`` folder of the first.

    Args:
        paths: their directories.
        metric: what to compare; None: validation accuracy where there is a validation part.
        thesis: show test accuracies too; without a validation part they are shown anyway.

    Raises:
        RunError: one is no completed run, or the folder cannot be written to.
    """
    runs = _read(paths)
    letters = [ascii_uppercase[i] if i < 26 else str(i + 1) for i in range(len(runs))]
    study = make_study("all", runs, metric, distinct=False)
    folder = paths[0] / FOLDER
    summary = Summary(folder, f"{len(runs)} runs compared.")
    differs = Section("What differs", tables=[_names_table(runs, letters)])
    differs.tables.append(_configuration_table(runs, letters))
    if len((ran := _ran_on_table(runs, letters)).rows):
        differs.tables.append(ran)
    results = Section("Results", tables=[_results_table(study, letters, thesis)])
    results.paragraphs += _differences(study, letters)
    curves = Section("Training, over one another")
    try:
        folder.mkdir(exist_ok=True)
        with styled():
            figure = compared_curves(study, letters)
            if figure is not None:
                caption = "Accuracy after each epoch: validation drawn through, training dashed."
                curves.figures.append(
                    Picture("compared", caption, save(figure, folder / "compared"))
                )
        names = [run.name for run in runs]
        records = Records(paths[0], runs, {})
        app = app_data(records, [study], folder, thesis, names)
        summary.sections = [differs, results, Section("The runs", app=app)]
        summary.sections += [curves] if curves.figures else []
        for section in summary.sections:
            for table in section.tables:
                write_table(table, folder)
        write_page(folder, page("Comparison of runs", summary.lead, summary.sections))
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error})") from error
    return summary


def _read(paths: Sequence[Path]) -> list[Run]:
    places = [path.resolve() for path in paths]
    if len(set(places)) < len(places):
        raise RunError("the same run is named twice: name different ones")
    parent = os.path.commonpath([place.parent for place in places])
    runs = [
        read_run(path, os.path.relpath(place, parent))
        for path, place in zip(paths, places, strict=True)
    ]
    for run in runs:
        if run.state != "completed":
            raise RunError(f"{run.path}: {run.state}; only completed runs can be compared")
    return runs


def _names_table(runs: Sequence[Run], letters: Sequence[str]) -> Table:
    table = Table("compared_runs", "The runs", ["", "run", "data"], words=3)
    table.rows = [[i, run.name, run.data] for i, run in zip(letters, runs, strict=True)]
    return table


def _configuration_table(runs: Sequence[Run], letters: Sequence[str]) -> Table:
    """Keys whose values are not the same in all runs; a key that is missing counts as null."""
    table = Table("compared_keys", "Configuration", ["key", *letters], words=1)
    for key in sorted({key for run in runs for key in run.config}):
        values = [label(run.config.get(key)) for run in runs]
        if len(set(values)) > 1:
            table.rows.append([key, *values])
    if not table.rows:
        table.note = "No key that decides the result differs: these are repeats of one task."
    return table


def _ran_on_table(runs: Sequence[Run], letters: Sequence[str]) -> Table:
    table = Table("compared_machines", "What they ran on", ["", *letters], words=1)
    versions = sorted({k for run in runs for k in run.result if k.startswith("versions.")})
    for key in (*RAN_ON, *versions):
        values = [label(run.result.get(key)) for run in runs]
        if len(set(values)) > 1:
            table.rows.append([key, *values])
    return table


def _results_table(study: Study, letters: Sequence[str], thesis: bool) -> Table:
    table = Table("compared_results", "Results", ["", *letters], words=1)
    table.note = f"Of the {study.weights} weights."
    known = {f"metrics.{study.weights}.{q}.accuracy" for q in QUANTITIES} | {"fit_seconds"}
    if study.metric.key not in known:
        values = [brief(v * study.metric.factor) for v in study.frame["value"]]
        table.rows.append([study.metric.title + study.metric.unit, *values])
    for quantity, (title, text) in QUANTITIES.items():
        hidden = quantity == "test" and study.validated and not thesis
        if not hidden and study.frame[quantity].notna().any():
            table.rows.append([title, *map(text, study.frame[quantity])])
    sources = [str(run.result.get("energy.source") or "none") for run in study.runs]
    if study.frame["joules"].notna().any():
        table.rows.append(["source of energy", *sources])
    if study.frame["arithmetic"].notna().any():
        table.note += f" {CRITICISM}"
    for key, title in (("best_epoch", "best epoch"), ("epochs", "epochs")):
        values = [run.result.get(key) for run in study.runs]
        if any(value is not None for value in values):
            table.rows.append([title, *("-" if v is None else str(v) for v in values)])
    return table


def _differences(study: Study, letters: Sequence[str]) -> list[str]:
    """Each run against the first, in a sentence."""
    metric, frame = study.metric, study.frame
    first, said = frame["value"].iloc[0], []
    n = study.samples(metric.split or "")
    for letter, value in list(zip(letters, frame["value"], strict=True))[1:]:
        if first != first or value != value:
            continue
        name = f"{letter} less {letters[0]}, {metric.title}: "
        if metric.is_accuracy and n is not None:
            found = of_shares(float(first), float(value), n)
            said.append(name + difference_text(study, found) + _verdict(found))
        else:
            said.append(f"{name}{metric.factor * (value - first):.4g}{metric.unit}.")
    return said


def _verdict(found: Difference) -> str:
    return ": more than chance." if found.beyond_chance else ": no more than chance would give."
