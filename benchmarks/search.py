"""Draws the best point so far of searches and grids over one another, and says what each reached.

    python -m benchmarks.search --grid outputs/search/grid --out docs/results/search \
        --search tpe outputs/search/tpe_1 outputs/search/tpe_2 outputs/search/tpe_3 \
        --search random outputs/search/random_1 outputs/search/random_2 outputs/search/random_3

The sweeps must have the same data, epochs and metric. A grid has no order of its own: it is drawn
as the mean of many random ones, and the best of all its points is a line to reach. Seconds are of
the clock, from a command's start to a run's end, start-up included; they say something of sweeps
that were run in one go, one run at a time, with nothing beside them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from snn.analysis.figures.best_so_far import best_so_far, by_start, compared_courses, in_order
from snn.analysis.figures.style import save, styled
from snn.analysis.records import read_records
from snn.analysis.study import Study, studies
from snn.analysis.tables import Table
from snn.errors import RunError, SnnError
from snn.files import read_json, write_whole
from snn.runs.sweep_plan import DRIVER

ORDERS = 200  # random ones of a grid


@dataclass(frozen=True)
class Course:
    """A sweep, run by run.

    Attributes:
        study: its.
        values: of the metric, as it is shown.
        seconds: from the command's start to each run's end.
    """

    study: Study
    values: np.ndarray
    seconds: np.ndarray


def course(directory: Path, metric: str | None) -> Course:
    """A sweep in the order of its runs.

    Raises:
        RunError: it has not the runs of one data set.
    """
    found = studies(read_records(directory), metric)
    if len(found) != 1:
        raise RunError(f"{directory}: has completed runs of {len(found)} data sets, not of one")
    (study,) = found
    begun = moment(read_json(directory / DRIVER)["start"])
    runs = [study.runs[i] for i in by_start(study)]
    ends = [moment(run.result["end"]) if "end" in run.result else np.nan for run in runs]
    values = study.metric.factor * np.array(in_order(study))
    return Course(study, values, np.array(ends) - begun)


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def reached_table(
    courses: dict[str, list[np.ndarray]],
    clocks: dict[str, list[np.ndarray]],
    level: float,
    most: int,
) -> Table:
    """What the best point is after some runs; how many runs, and seconds, reach the level."""
    shown = [n for n in (5, 10, 20, 30, 50) if n <= most]
    columns = ["", *(f"after {n}" for n in shown), "runs to the grid's best", "seconds"]
    table = Table("search", "The best validation accuracy so far (%)", columns, words=1)
    for name, repeats in courses.items():
        best = [best_so_far(values) for values in repeats]
        cells = []
        for n in shown:
            values = np.array([b[min(n, len(b)) - 1] for b in best])
            spread = f" ({values.min():.2f} – {values.max():.2f})" if len(values) <= 5 else ""
            cells.append(f"{values.mean():.2f}{spread}")
        needed = [next((i + 1 for i, v in enumerate(b) if v >= level), None) for b in best]
        known = [n for n in needed if n is not None]
        if len(needed) > 5:
            text = f"{np.mean(known):.0f} on average"
        else:
            text = ", ".join("never" if n is None else str(n) for n in needed)
        clock = clocks.get(name, [])
        at = [
            "never" if n is None else f"{c[n - 1]:.0f}" for n, c in zip(needed, clock, strict=False)
        ]
        table.rows.append([name, *cells, text, ", ".join(at) or "-"])
    return table


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grid", type=Path, required=True, help="directory of a completed grid")
    parser.add_argument("--search", nargs="+", action="append", default=[], metavar=("NAME", "DIR"))
    parser.add_argument("--metric", help="as of sweep_summary.py")
    parser.add_argument("--out", type=Path, required=True, help="folder of figure and table")
    parser.add_argument("--most", type=int, default=30, help="runs that are shown (default: 30)")
    args = parser.parse_args(argv)
    whole = course(args.grid, args.metric)
    study, grid = whole.study, whole.values
    chance = np.random.default_rng(1)
    level = float(np.nanmax(grid))
    name = f"grid of {len(grid)}, in random order"
    courses = {name: [chance.permutation(grid) for _ in range(ORDERS)]}
    clocks: dict[str, list[np.ndarray]] = {}
    for label, *folders in args.search:
        searches = [course(Path(folder), study.metric.key) for folder in folders]
        courses[label] = [search.values for search in searches]
        clocks[label] = [search.seconds for search in searches]
    table = reached_table(courses, clocks, level, args.most)
    share = args.most / len(grid)
    table.note = f"{args.most} points of the grid took {share * whole.seconds.max():.0f} s."
    # A few of the grid's orders are enough to look at; their mean is of all.
    mean = np.mean([best_so_far(values) for values in courses[name]], axis=0)
    args.out.mkdir(parents=True, exist_ok=True)
    with styled():
        figure = compared_courses(
            courses | {name: [mean]},
            f"best {study.metric.title} so far{study.metric.unit}",
            level=("best of the grid", level),
            most=args.most,
        )
        save(figure, args.out / "best_so_far")
    write_whole(args.out / "search.md", table.markdown())
    print(table.markdown())


if __name__ == "__main__":
    try:
        main()
    except SnnError as error:
        raise SystemExit(f"error: {error}") from None
