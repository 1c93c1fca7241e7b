"""From the records of a sweep to the files of its summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from snn.analysis.ablation import ablation_table, find_ablation, named_run
from snn.analysis.collapse import Collapse, explanation, find_collapsed
from snn.analysis.effects import Decomposition, decompose
from snn.analysis.export import results_frame, write_results
from snn.analysis.figures import draw_all
from snn.analysis.figures.style import save, styled
from snn.analysis.fitted import fit
from snn.analysis.recommend import extensions
from snn.analysis.records import STATES, Records
from snn.analysis.report import Section, page
from snn.analysis.study import Study, studies
from snn.analysis.tables import Table
from snn.analysis.views import (
    best_table,
    collapsed_table,
    damaged_table,
    effects_table,
    ranking_table,
    recommended_table,
    seeds_table,
    states_table,
    values_table,
)
from snn.errors import RunError
from snn.files import write_whole

FOLDER = "summary"
FEWEST = 10  # runs that did not collapse, to tell effects among them
NOT_COMPLETED = ("failed", "interrupted", "running")
# Figures shown with the thesis's own view; the others follow the ranking.
THESIS_VIEW = "values_"
TABLES = (
    *("best", "ranking", "seeds", "recommended", "values", "effects", "effects_without_collapsed"),
    *("ablation", "collapsed", "unfinished", "damaged"),
)
FIGURES = ("effects", "main_effects", "interactions", "costs", "parallel", "curves", "collapsed")
OURS = frozenset({*TABLES, *FIGURES})  # files that a new summary may remove


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


def summarise(records: Records, metric: str | None = None, base: str | None = None) -> Summary:
    """Write the summary of a sweep to its ``summary`` folder.

    Args:
        records: of the sweep's directory.
        metric: what to rank by; None: validation accuracy where there is a validation part.
        base: the run whose point all others are compared with; None: looked for.

    Raises:
        RunError: there is no run, no such metric, no such base, or the folder cannot be written to.
    """
    if not records.runs and not records.damaged:
        raise RunError(f"{records.directory}: no run lies below it")
    found = studies(records, metric)
    base = named_run(found, records.directory, base) if base is not None else None
    summary = Summary(records.directory / FOLDER, lead_of(records))
    try:
        summary.folder.mkdir(exist_ok=True)
        _clear(summary.folder)
        write_results(results_frame(records, found), summary.folder)
        summary.sections.append(_records_section(records, found))
        for study in found:
            folder = summary.folder / study.data if len(found) > 1 else summary.folder
            folder.mkdir(exist_ok=True)
            _clear(folder)
            prefix = f"{study.data}: " if len(found) > 1 else ""
            summary.sections += _study_sections(study, records.directory, folder, prefix, base)
        for table in summary.sections[0].tables:
            _write_table(table, summary.folder)
        title = f"Sweep {records.directory.resolve().name}"
        text = page(title, summary.lead, summary.sections)
        write_whole(summary.folder / "report.html", text)
    except OSError as error:
        raise RunError(f"{summary.folder}: cannot be written ({error})") from error
    return summary


def _clear(folder: Path) -> None:
    """Remove what an earlier summary wrote, so that no table of another grid is left behind."""
    for file in folder.iterdir():
        ours = file.stem in OURS or file.stem.startswith(THESIS_VIEW)
        if ours and file.suffix in (".md", ".tex", ".png", ".svg"):
            file.unlink()


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


def find_effects(study: Study, without: Collapse | None = None) -> tuple[Decomposition | None, str]:
    """The decomposition, or None and why there is none; on request without collapsed runs."""
    frame = study.frame if without is None else study.frame[~without.mask]
    ranked = frame.dropna(subset="metric").reset_index(drop=True)
    if not study.keys:
        return None, "Nothing was varied but the seed: there are no effects to tell apart."
    if len(ranked) < 3 or ranked["metric"].nunique() < 2:
        return None, "Too few different results to tell effects apart."
    if study.is_full_factorial and len(frame) == len(study.frame):
        return decompose(ranked, study.keys), ""
    numbers = {axis.key: axis.numbers for axis in study.axes.axes}
    found = fit(ranked, study.keys, numbers)
    why = "Not a full, balanced grid, and too few runs for its values to fit their effects."
    return found, "" if found else why


def _study_sections(
    study: Study, directory: Path, folder: Path, prefix: str, base: str | None
) -> list[Section]:
    effects, why = find_effects(study)
    collapse = find_collapsed(study)
    thesis = Section(prefix + "Each parameter by itself")
    ranking = Section(prefix + "The best points", warnings=list(study.notes))
    depends = Section(prefix + "What matters")
    curves = Section(prefix + "Training")
    if (ablation := find_ablation(study, base)) is not None:
        depends.tables.append(ablation_table(study, ablation))
    if study.frame["metric"].notna().any():
        ranking.tables += [best_table(study), ranking_table(study)]
    if study.has_repeats:
        ranking.tables.append(seeds_table(study))
    if study.keys:
        thesis.tables += [recommended_table(study), values_table(study)]
        _add_extensions(thesis, study, directory)
    else:
        thesis.paragraphs.append("Nothing was varied but the seed.")
    if effects is not None:
        depends.tables.append(effects_table(study, effects))
        if not effects.exact:
            depends.warnings.append(
                "The grid is incomplete, unbalanced, or a search over many values: its effects "
                "are fitted, not exact."
            )
        if collapse is not None and collapse.mask.any() and (~collapse.mask).sum() >= FEWEST:
            # One value that lets runs collapse hides what all others do.
            rest, _ = find_effects(study, without=collapse)
            if rest is not None:
                depends.tables.append(effects_table(study, rest, collapsed=False))
    else:
        depends.paragraphs.append(why)
    _add_collapse(curves, study, collapse)
    _add_figures(study, effects, collapse, folder, (thesis, ranking, depends, curves))
    for section in (thesis, ranking, depends, curves):
        for table in section.tables:
            _write_table(table, folder)
    return [ranking, thesis, depends, curves]


def _add_extensions(section: Section, study: Study, directory: Path) -> None:
    for choice, command in extensions(study, directory):
        edge = "largest" if choice.mark == "+" else "smallest"
        if command:
            text = f"{choice.axis.short}={choice.level} is the {edge} value that was run; go on by:"
            section.commands.append(f"# {text}\n{command}")
        else:
            section.paragraphs.append(
                f"{choice.axis.short}={choice.level} is the {edge} value that was run, and the "
                f"{edge} that makes sense here."
            )


def _add_collapse(section: Section, study: Study, collapse: Collapse | None) -> None:
    if collapse is None:
        section.paragraphs.append(
            "The number of classes is unknown or differs: collapsed runs cannot be told."
        )
        return
    section.paragraphs.append(explanation(study, collapse))
    if collapse.mask.any() and study.keys:
        section.tables.append(collapsed_table(study, collapse))


def _add_figures(
    study: Study,
    effects: Decomposition | None,
    collapse: Collapse | None,
    folder: Path,
    sections: tuple[Section, Section, Section, Section],
) -> None:
    thesis, ranking, depends, curves = sections
    places = {"effects": depends, "main_effects": depends, "interactions": depends}
    places |= {"curves": curves, "collapsed": curves}
    with styled():
        for name, caption, figure in draw_all(study, effects, collapse):
            image = save(figure, folder / name)
            section = thesis if name.startswith(THESIS_VIEW) else places.get(name, ranking)
            section.figures.append((name, caption, image))


def _write_table(table: Table, folder: Path) -> None:
    write_whole(folder / f"{table.name}.md", table.markdown())
    write_whole(folder / f"{table.name}.tex", table.latex())
