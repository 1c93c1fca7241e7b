"""Where the good points of a search lie, and the search that would go on there."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, floor, log
from pathlib import Path

from snn.analysis.axes import Axis
from snn.analysis.figures.scales import is_logarithmic
from snn.analysis.study import Study
from snn.analysis.tables import Table
from snn.analysis.values import number_label, shown
from snn.places import program
from snn.runs.search_plan import Dimension, SearchPlan

FEWEST = 8  # ranked points, to speak of a best quarter
QUARTER = 4
NARROWER = 0.8  # of the width that was searched; less of a change is none
MARGIN = 0.1  # of that width, left around the good points
EDGE = 0.05  # of that width: a best value nearer to an end may want to go past it


@dataclass(frozen=True)
class Region:
    """Where the best quarter of the points lies along one axis.

    Attributes:
        axis: the axis.
        searched: in words.
        best: the best point's value.
        good: the best quarter's values, in words.
        past: ``+`` or ``-`` where the best value lies at an end of what was searched, else "".
        override: the values to search next, as an override gives them.
        changes: whether that is another space than this one.
    """

    axis: Axis
    searched: str
    best: str
    good: str
    past: str
    override: str
    changes: bool


def regions(study: Study) -> list[Region]:
    """A region for each axis; none of too few points."""
    ranked = study.points.dropna(subset="metric")
    if len(ranked) < FEWEST:
        return []
    good = ranked.iloc[: max(3, ceil(len(ranked) / QUARTER))]
    found = []
    for axis in study.axes.axes:
        codes = [int(code) for code in good[axis.key]]
        if axis.is_search and axis.numbers is not None:
            found.append(_interval(axis, codes))
        else:
            found.append(_choices(axis, codes))
    return found


def _interval(axis: Axis, codes: Sequence[int]) -> Region:
    numbers = axis.numbers
    assert numbers is not None
    values = [numbers[code] for code in codes]
    known = axis.dimension
    drawn = known if known is not None and known.is_drawn else Dimension(min(numbers), max(numbers))
    logarithmic = drawn.log if known is not None else is_logarithmic(axis)
    onto, back = (log, exp) if logarithmic else (float, float)
    low, high, best = onto(drawn.low), onto(drawn.high), onto(values[0])
    width = high - low
    past = "-" if best - low < EDGE * width else "+" if high - best < EDGE * width else ""
    new_low = max(low, min(map(onto, values)) - MARGIN * width)
    new_high = min(high, max(map(onto, values)) + MARGIN * width)
    new_low -= 0.25 * width * (past == "-")
    new_high += 0.25 * width * (past == "+")
    if past == "-" and drawn.low > 0 and not logarithmic:
        new_low = max(new_low, drawn.low / 2)
    changes = bool(past) or new_high - new_low < NARROWER * width
    ends = [back(new_low), back(new_high)] if changes else [drawn.low, drawn.high]
    if drawn.whole:
        ends = [floor(ends[0]), ceil(ends[1])]
    rough = changes and not drawn.whole
    texts = [number_label(float(f"{end:.2g}") if rough else end) for end in ends]
    override = f"interval({','.join(texts)})"
    override = f"int({override})" if drawn.whole else override
    override = f"tag(log,{override})" if logarithmic else override
    span = [shown(number_label(float(v))) for v in (min(values), max(values))]
    searched = f"{number_label(drawn.low)} to {number_label(drawn.high)}"
    searched += " (log)" if logarithmic else ""
    return Region(
        axis, searched, axis.shown[codes[0]], f"{span[0]} to {span[1]}", past, override, changes
    )


def _choices(axis: Axis, codes: Sequence[int]) -> Region:
    kept = sorted(set(codes))
    good = ", ".join(f"{axis.shown[c]} ({codes.count(c)})" for c in kept)
    override = ",".join(axis.levels[c] for c in kept)
    changes = len(kept) < len(axis.levels)
    return Region(axis, ", ".join(axis.shown), axis.shown[codes[0]], good, "", override, changes)


def regions_table(study: Study, found: Sequence[Region]) -> Table:
    """What was searched, and where the good points lie."""
    ranked = int(study.points["metric"].notna().sum())
    count = max(3, ceil(ranked / QUARTER))
    columns = ["parameter", "searched", "best point", f"best {count} points"]
    table = Table("regions", "Where the good points lie", columns, words=4)
    for region in found:
        row = [region.axis.short, region.searched, region.best + region.past, region.good]
        table.rows.append(row)
    table.note = f"The best quarter of {ranked} points by {study.metric.title}."
    if any(region.past for region in found):
        table.note += " + or -: at the end of what was searched, so that going past it may help."
    return table


def narrowed(study: Study, found: Sequence[Region], directory: Path) -> str | None:
    """The command of a search where the good points lie; None if that is everywhere."""
    plan: SearchPlan | None = study.plan
    if plan is None or not any(region.changes for region in found):
        return None
    by_key = {region.axis.key: region for region in found}
    written = plan.about.get("written") or {}
    words = [*shlex.split(program("train")), "-m"]
    words += [*study.runs[0].elsewhere, *plan.search, *plan.fixed]
    for key, dimension in plan.space.items():
        values = by_key[key].override if key in by_key else _as_it_was(dimension)
        words.append(f"{written.get(key, key)}={values}")
    words.append(f"hydra.sweep.dir={directory}")
    return " ".join(shlex.quote(word) for word in words)


def _as_it_was(dimension: Dimension) -> str:
    """Values of a key that is no axis, since all runs have the same of it."""
    if not dimension.is_drawn:
        return ",".join(dimension.choices)
    text = f"interval({number_label(dimension.low)},{number_label(dimension.high)})"
    text = f"int({text})" if dimension.whole else text
    return f"tag(log,{text})" if dimension.log else text
