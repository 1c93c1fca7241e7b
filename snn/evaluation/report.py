"""The report of an evaluation: tables and figures of its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from snn.analysis.figures.style import save, styled
from snn.analysis.report import Picture, Section, page
from snn.analysis.tables import Table

Drawn = Mapping[str, tuple[str, Figure]]
"""Name -> (what it shows, figure)."""


def write_report(folder: Path, found: Mapping[str, Any], drawn: Drawn) -> None:
    """Write ``report.html`` and each figure as ``.png`` and ``.svg``.

    Args:
        folder: exists.
        found: what stands in ``evaluation.json``.
        drawn: the figures.
    """
    with styled():
        pictures = {
            name: Picture(name, text, save(figure, folder / name))
            for name, (text, figure) in drawn.items()
        }

    def section(title: str, *names: str, **parts: Any) -> Section:
        shown = [pictures[name] for name in names if name in pictures]
        return Section(title, figures=shown, **parts)

    warnings = []
    if found["data"]["overrides"]:
        warnings.append("Not the run's own data: " + ", ".join(found["data"]["overrides"]))
    if found["agrees_with_result"] is False:
        warnings.append("The accuracy differs from what the run's result.json says.")
    sections = [
        section("Accuracy", warnings=warnings, tables=[overall_table(found)]),
        section("Classes", "confusion", "activity", tables=[class_table(found["classes"])]),
        section("Calibration", "reliability"),
        section("Time", "over_time", "readout"),
        section("Robustness", "robustness", tables=_robustness_tables(found)),
        section("Inside", "raster", "potentials", "weights", "time_constants"),
    ]
    sections = [s for s in sections if s.tables or s.figures]
    title = f"Evaluation of {found['run']}"
    text = page(title, lead(found), sections)
    (folder / "report.html").write_text(text, encoding="utf-8")


def lead(found: Mapping[str, Any]) -> str:
    """The first line: what was measured, and what came out."""
    accuracy = found["accuracy"]
    low, high = accuracy["interval"]
    return (
        f"{100 * accuracy['value']:.2f} % of {accuracy['samples']} samples of the "
        f"{found['data']['split']} part are classified rightly (95 % interval {100 * low:.2f} to "
        f"{100 * high:.2f} %), with the weights of epoch {found['epoch']}."
    )


def overall_table(found: Mapping[str, Any]) -> Table:
    """What is true of all samples together."""
    accuracy, calibration, time = found["accuracy"], found["calibration"], found["over_time"]
    rows = [
        ("accuracy", f"{accuracy['correct']} of {accuracy['samples']}"),
        ("95 % interval (Wilson)", "{} to {}".format(*map(_percent, accuracy["interval"]))),
        ("mean probability of the answer", _percent(calibration["mean_confidence"])),
        ("expected calibration error", _percent(calibration["expected_calibration_error"])),
    ]
    if found["synaptic_operations"] is not None:
        rows.append(("synaptic operations per sample", f"{found['synaptic_operations']:,.0f}"))
    if time is not None:
        rows.append(("steps until half of the answers stay", f"{time['decided_after'][1]:g}"))
        rows.append(
            ("steps until 99 % of the accuracy is there", f"{time['steps_for_99_percent_of_it']}")
        )
    return Table("overall", "Overall", ("", ""), rows)


def class_table(classes: Sequence[Mapping[str, Any]]) -> Table:
    """Precision, recall and costs of each class."""
    rows = [
        (
            c["name"],
            str(c["samples"]),
            _percent(c["precision"]),
            _percent(c["recall"]),
            "{} to {}".format(*map(_percent, c["recall_interval"])),
            _number(c["input_spikes"]),
            ", ".join(map(_number, c["hidden_spikes"])),
            _number(c["synaptic_operations"]),
            _number(c["decided_after_steps"]),
        )
        for c in classes
    ]
    columns = ("class", "samples", "precision", "recall", "95 % interval", "input spikes")
    columns += ("hidden spikes", "synaptic operations", "decided after steps")
    return Table(
        "classes", "Classes", columns, rows, note="Spikes and operations: means per sample."
    )


def _robustness_tables(found: Mapping[str, Any]) -> list[Table]:
    titles = {
        "dropped_spikes": ("Lost spikes", "share of input spikes"),
        "time_jitter": ("Jitter", "standard deviation in steps"),
    }
    return [
        Table(
            kind,
            titles[kind][0],
            (titles[kind][1], "accuracy", "95 % interval"),
            [
                (
                    f"{p['strength']:g}",
                    _percent(p["value"]),
                    "{} to {}".format(*map(_percent, p["interval"])),
                )
                for p in points
            ],
        )
        for kind, points in (found["robustness"] or {}).items()
    ]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"
