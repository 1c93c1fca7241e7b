"""From the records of a sweep to the files of its summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from snn.analysis.ablation import named_run
from snn.analysis.export import results_frame, write_results
from snn.analysis.interactive import app_data
from snn.analysis.records import STATES, Records
from snn.analysis.report import Section, page
from snn.analysis.sections import View, clear, study_sections, write_table
from snn.analysis.study import Study, studies
from snn.analysis.views import damaged_table, states_table
from snn.errors import RunError
from snn.files import write_whole

FOLDER = "summary"
NOT_COMPLETED = ("failed", "interrupted", "running")


@dataclass
class Summary:
    """What was found, for the terminal; the files are written.

    Attributes:
        folder: where they lie.
        lead: how many runs there are and in which state.
        sections: as in the report.
    """

    folder: Path
    lead: str
    sections: list[Section] = field(default_factory=list)


def summarise(
    records: Records,
    metric: str | None = None,
    base: str | None = None,
    thesis: bool = False,
    quick: bool = False,
    refresh: float | None = None,
) -> Summary:
    """Write the summary of a sweep to its ``summary`` folder.

    Args:
        records: of the sweep's directory.
        metric: what to rank by; None: validation accuracy where there is a validation part.
        base: the run whose point all others are compared with; None: looked for.
        thesis: add the thesis's own view, which has test accuracies of every value.
        quick: write the page alone, without figures.
        refresh: let the page load itself anew after so many seconds.

    Raises:
        RunError: there is no run, no such metric, no such base, or the folder cannot be written to.
    """
    if not records.runs and not records.damaged:
        raise RunError(f"{records.directory}: no run lies below it")
    found = studies(records, metric)
    base = named_run(found, records.directory, base) if base is not None else None
    summary = Summary(records.directory / FOLDER, lead_of(records))
    view = View(summary.folder, base, thesis, quick)
    try:
        summary.folder.mkdir(exist_ok=True)
        if not view.quick:
            clear(summary.folder)
            write_results(results_frame(records, found), summary.folder)
        summary.sections = _sections(records, found, view)
        title = f"Sweep {records.directory.resolve().name}"
        write_page(summary.folder, page(title, summary.lead, summary.sections, refresh))
    except OSError as error:
        raise RunError(f"{summary.folder}: cannot be written ({error})") from error
    return summary


def write_page(folder: Path, text: str) -> None:
    """Put the report in place at once, so that no browser reads half of it."""
    write_whole(folder / "report.html", text)


def _sections(records: Records, found: Sequence[Study], view: View) -> list[Section]:
    """First what was found and all runs, then what explains it."""
    first, rest = [], []
    for study in found:
        folder = view.folder / study.data if len(found) > 1 else view.folder
        folder.mkdir(exist_ok=True)
        if not view.quick:
            clear(folder)
        prefix = f"{study.data}: " if len(found) > 1 else ""
        result, *others = study_sections(study, records.directory, folder, prefix, view)
        first.append(result)
        rest += others
    record = _records_section(records, found)
    if not view.quick:
        for table in record.tables:
            write_table(table, view.folder)
    ahead = [record] if record.warnings or record.tables else []
    after = [] if ahead or len(found) == 1 else [record]
    app = app_data(records, found, view.folder, view.thesis) if records.runs else None
    runs = [Section("All runs", app=app)] if app else []
    sections = [*ahead, *after, *first, *runs, *rest]
    return [section for section in sections if not section.is_empty]


def lead_of(records: Records) -> str:
    """``162 runs: 160 completed, 2 failed; 1 damaged record.``"""
    counts = {state: len(records.of_state(state)) for state in STATES}
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    count, damaged = len(records.runs), len(records.damaged)
    text = f"{count} run{'s' * (count != 1)}" + (f": {said}" if said else "")
    return text + (f"; {damaged} damaged record{'s' * (damaged != 1)}." if damaged else ".")


def _records_section(records: Records, found: Sequence[Study]) -> Section:
    section = Section("Records")
    if len(found) > 1:
        names = ", ".join(study.data for study in found)
        section.paragraphs.append(
            f"{len(found)} data sets ({names}) lie in this directory; each is summarised by "
            "itself, in a folder of its own."
        )
    if not found:
        section.warnings.append("No run is completed yet: there is nothing to compare.")
    if records.of_state(*NOT_COMPLETED):
        section.tables.append(states_table(records, NOT_COMPLETED))
    if records.damaged:
        section.tables.append(damaged_table(records))
    if not section.tables and found:
        section.paragraphs.append("Every record is whole, and every run completed.")
    return section
