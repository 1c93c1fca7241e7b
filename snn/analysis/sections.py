"""The parts of a report that one data set fills: its result, its points, what matters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from snn.analysis.ablation import ablation_table, find_ablation
from snn.analysis.choice import best_command, which_to_take
from snn.analysis.claims.table import Verdicts, claims_of
from snn.analysis.collapse import Collapse, explanation, find_collapsed
from snn.analysis.effects import Decomposition, decompose
from snn.analysis.export import write_csv
from snn.analysis.figures import draw_all
from snn.analysis.figures.style import save, styled
from snn.analysis.fitted import fit
from snn.analysis.fixed import fixed_table, hardware_table
from snn.analysis.kinds import COMPARED, comparison, has_both, kinds_tables
from snn.analysis.marginals import values_table
from snn.analysis.narrow import narrowed, regions, regions_table
from snn.analysis.recommend import extensions
from snn.analysis.report import Picture, Section
from snn.analysis.searched import drawn_by
from snn.analysis.shares import shares
from snn.analysis.study import Study
from snn.analysis.tables import Table
from snn.analysis.views import (
    best_table,
    collapsed_table,
    effects_table,
    ranking_table,
    recommended_table,
    seeds_table,
)
from snn.files import write_whole

FEWEST = 10  # runs that did not collapse, to tell effects among them
FEW = 3  # with fewer results there is nothing to say of effects
# Figures that stand with the values of each parameter, and with the thesis's own view of them.
VALUES, THESIS_VIEW = "values_", "thesis_"
TABLES = (
    *("best", "ranking", "seeds", "recommended", "values", "thesis", "fixed", "hardware"),
    *("effects", "effects_without_collapsed", "ablation", "collapsed", "unfinished", "damaged"),
    *("regions", "claims"),
)
FIGURES = (
    *("effects", "main_effects", "interactions", "costs", "parallel", "curves", "collapsed"),
    "best_so_far",
)
OURS = frozenset({*TABLES, *FIGURES})  # files that a new summary may remove


@dataclass(frozen=True)
class View:
    """What is shown, and where it is written.

    Attributes:
        folder: of the report.
        base: name of the run whose point all others are compared with; None: looked for.
        thesis: whether the thesis's own view was asked for.
        quick: whether the page alone is written.
    """

    folder: Path
    base: str | None
    thesis: bool
    quick: bool

    def shows_thesis(self, study: Study) -> bool:
        """Test figures of every value: where asked for, or where there is nothing to choose by."""
        return self.thesis or not study.validated


def clear(folder: Path) -> None:
    """Remove what an earlier summary wrote, so that no table of another grid is left behind."""
    for file in folder.iterdir():
        ours = file.stem in OURS or file.stem.startswith((VALUES, THESIS_VIEW, COMPARED))
        if ours and file.suffix in (".md", ".tex", ".csv", ".png", ".svg"):
            file.unlink()


def find_effects(study: Study, without: Collapse | None = None) -> tuple[Decomposition | None, str]:
    """The decomposition, or None and why there is none; on request without collapsed runs."""
    frame = study.frame if without is None else study.frame[~without.mask]
    ranked = frame.dropna(subset="metric").reset_index(drop=True)
    if not study.keys:
        return None, "Nothing was varied but the seed: there are no effects to tell apart."
    if len(ranked) < 3 or ranked["metric"].nunique() < 2:
        return None, "Too few different results to tell effects apart."
    if study.is_search:
        return shares(ranked, study.axes.axes)
    if study.is_full_factorial and len(frame) == len(study.frame):
        return decompose(ranked, study.keys), ""
    numbers = {axis.key: axis.numbers for axis in study.axes.axes}
    found = fit(ranked, study.keys, numbers)
    why = "Not a full, balanced grid, and too few runs for its values to fit their effects."
    return found, "" if found else why


def study_sections(
    study: Study, directory: Path, folder: Path, prefix: str, view: View
) -> list[Section]:
    effects, why = find_effects(study)
    collapse = find_collapsed(study)
    result = Section(prefix + "The result", warnings=list(study.notes))
    ranking = Section(prefix + "The best points")
    kinds = Section(prefix + "With spikes and without")
    values = Section(prefix + "Each parameter by itself")
    thesis = Section(prefix + "The thesis's own view: training, test and time of each value")
    claims = Section(prefix + "The thesis's claims")
    depends = Section(prefix + "What matters")
    curves = Section(prefix + "Training")
    shared = Section(prefix + "What all runs share")
    _add_result(result, study)
    compares = view.base is not None or not study.is_search
    if compares and (ablation := find_ablation(study, view.base)) is not None:
        depends.tables.append(ablation_table(study, ablation))
    if len(study.points) > 1 and study.frame["metric"].notna().any():
        ranking.tables.append(ranking_table(study))
    if study.has_repeats:
        ranking.tables.append(seeds_table(study))
    if has_both(study):
        kinds.tables += kinds_tables(study)
        kinds.paragraphs += comparison(study)
    if study.is_search:
        _add_search(values, study, directory)
    elif study.keys:
        values.tables += [recommended_table(study), values_table(study)]
        _add_extensions(values, study, directory)
    else:
        values.paragraphs.append("Nothing was varied but the seed.")
    if study.keys and view.shows_thesis(study) and study.tested:
        _add_thesis(thesis, study)
    judged = _add_claims(claims, study, view)
    _add_effects(depends, study, effects, why, collapse)
    _add_collapse(curves, study, collapse)
    shared.tables += [fixed_table(study), hardware_table(study)]
    sections = [result, ranking, kinds, values, claims, thesis, depends, curves, shared]
    if view.quick:
        return sections
    places = {"effects": depends, "main_effects": depends, "interactions": depends}
    places |= {"curves": curves, "collapsed": curves}
    place = f"{folder.name}/" if folder != view.folder else ""
    with styled():
        for name, caption, figure in draw_all(study, effects, collapse, bool(thesis.tables)):
            section = places.get(name, ranking)
            section = values if name.startswith(VALUES) else section
            section = thesis if name.startswith(THESIS_VIEW) else section
            section.figures.append(Picture(name, caption, save(figure, folder / name), place))
    for section in sections:
        for table in section.tables:
            write_table(table, folder)
    if judged is not None:
        write_csv(judged.frame, folder / f"{judged.table.name}.csv")
    return sections


def _add_search(section: Section, study: Study, directory: Path) -> None:
    """Where good points lie, and how to go on there."""
    found = regions(study)
    if not found:
        return
    section.tables.append(regions_table(study, found))
    command = narrowed(study, found, directory)
    if command is not None:
        section.commands.append(f"# searches on where the good points lie\n{command}")
    elif study.plan is not None:
        section.paragraphs.append(
            "Good points lie all over the space: more trials (a larger search.n_trials) will tell "
            "more than a narrower search."
        )


def _add_result(section: Section, study: Study) -> None:
    """The best point, whether another choice is as good, and the command that trains it."""
    if not study.frame["metric"].notna().any():
        return
    section.tables.append(best_table(study))
    if study.is_search:
        section.paragraphs += drawn_by(study.plan)
    else:
        section.paragraphs += which_to_take(study)
    command = best_command(study)
    if command is not None:
        section.commands.append(f"# trains the best point anew\n{command}")


def _add_claims(section: Section, study: Study, view: View) -> Verdicts | None:
    judged = claims_of(study, tests=view.shows_thesis(study))
    if judged is not None:
        section.warnings += judged.warnings
        section.tables.append(judged.table)
        section.paragraphs += judged.said
    return judged


def _add_thesis(section: Section, study: Study) -> None:
    section.warnings.append(
        "Test accuracies of every value, as the thesis shows them. Nothing here was chosen by "
        "them, and nothing should be: the best of many test accuracies is too high an estimate "
        "for new data."
    )
    section.tables.append(values_table(study, thesis=True))


def _add_effects(
    section: Section,
    study: Study,
    effects: Decomposition | None,
    why: str,
    collapse: Collapse | None,
) -> None:
    if effects is None:
        if study.frame["metric"].notna().sum() >= FEW:
            section.paragraphs.append(why)
        return
    section.tables.append(effects_table(study, effects))
    if not effects.exact and not study.is_search:
        section.warnings.append(
            "The grid is incomplete or unbalanced: its effects are fitted, not exact."
        )
    if collapse is not None and collapse.mask.any() and (~collapse.mask).sum() >= FEWEST:
        # One value that lets runs collapse hides what all others do.
        rest, _ = find_effects(study, without=collapse)
        if rest is not None:
            section.tables.append(effects_table(study, rest, collapsed=False))


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
    if collapse.mask.any() and collapse.causes:
        section.tables.append(collapsed_table(study, collapse))


def write_table(table: Table, folder: Path) -> None:
    write_whole(folder / f"{table.name}.md", table.markdown())
    write_whole(folder / f"{table.name}.tex", table.latex())
