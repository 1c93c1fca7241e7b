"""What a sweep prints: what there is to do before it starts, what failed when it is over."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from snn.places import program
from snn.runs.state import Found, State
from snn.sweeps.points import Point

ORDER = tuple(State)


def counts(found: Mapping[Point, Found]) -> str:
    """E.g. ``81 points: 60 completed, 1 failed, 20 new``."""
    numbers = Counter(f.state for f in found.values())
    listed = ", ".join(f"{numbers[state]} {state}" for state in reversed(ORDER) if numbers[state])
    return f"{len(found)} points: {listed}"


def point_table(
    found: Mapping[Point, Found], title: str, of: Collection[Point] | None = None
) -> Table:
    """A row per point: its state, its directory, what sets it apart, why it ended.

    Args:
        found: the points to show.
        title: above the table.
        of: the points that they are set apart from; None: themselves.
    """
    shared = [set(point.overrides) for point in (found if of is None else of)]
    common = set.intersection(*shared) if len(shared) > 1 else set()
    table = Table("state", "directory", "overrides", title=title, title_justify="left")
    reasons = any(f.reason for f in found.values())
    if reasons:
        table.add_column("reason")
    for point, f in found.items():
        row = [f.state, point.name, " ".join(o for o in point.overrides if o not in common)]
        table.add_row(*map(escape, row + [f.reason] * reasons))
    return table


def print_end(
    console: Console, found: Mapping[Point, Found], failures: Mapping[Point, Found], directory: Path
) -> None:
    """The counts, all failures with the logs that tell more, and what to do next."""
    if failures:
        console.print(point_table(failures, "Not completed", of=found))
        for point in failures:
            log = point.run.path / "train.log"
            if log.exists():
                console.print(f"log: {log}", soft_wrap=True, markup=False, highlight=False)
        if any(f.state is State.REFUSED for f in failures.values()):
            console.print(
                "Refused directories are left as they are; sweep.redo=true moves them aside and "
                "trains their points anew.",
                soft_wrap=True,
            )
    text = f"{directory}: {counts(found)}"
    console.print(text, soft_wrap=True, markup=False, highlight=False)
    command = f"{program('summary')} {shlex.quote(str(directory))}"
    console.print(f"Summarise: {command}", soft_wrap=True, markup=False, highlight=False)
