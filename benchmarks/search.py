"""Draws the best point so far of searches and grids over one another, and says what each reached.

    python -m benchmarks.search --grid outputs/search/grid --out docs/results/search \
        --search tpe outputs/search/tpe_1 outputs/search/tpe_2 outputs/search/tpe_3 \
        --search random outputs/search/random_1 outputs/search/random_2 outputs/search/random_3

The sweeps must have the same data, epochs and metric. A grid has no order of its own: it is drawn
as the mean of many random ones, and the best of all its points is a line to reach.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from snn.analysis.figures.best_so_far import best_so_far, compared_courses, in_order
from snn.analysis.figures.style import save, styled
from snn.analysis.records import read_records
from snn.analysis.study import Study, studies
from snn.analysis.tables import Table
from snn.errors import RunError, SnnError
from snn.files import write_whole

ORDERS = 200  # random ones of a grid


def course(directory: Path, metric: str | None) -> tuple[Study, np.ndarray]:
    """A sweep's study, and its metric in the order of its runs, as it is shown.

    Raises:
        RunError: it has not the runs of one data set.
    """
    found = studies(read_records(directory), metric)
    if len(found) != 1:
        raise RunError(f"{directory}: has completed runs of {len(found)} data sets, not of one")
    (study,) = found
    return study, study.metric.factor * np.array(in_order(study))


def reached_table(courses: dict[str, list[np.ndarray]], level: float, most: int) -> Table:
    """What the best point is after some runs, and how many runs it takes to reach the level."""
    turns = [n for n in (5, 10, 20, 30, 50) if n <= most]
    columns = ["", *(f"after {n}" for n in turns), "runs to the grid's best"]
    table = Table("search", "The best validation accuracy so far (%)", columns, words=1)
    for name, repeats in courses.items():
        best = [best_so_far(values) for values in repeats]
        cells = []
        for n in turns:
            values = np.array([b[min(n, len(b)) - 1] for b in best])
            spread = f" ({values.min():.2f} – {values.max():.2f})" if len(values) <= 5 else ""
            cells.append(f"{values.mean():.2f}{spread}")
        needed = [next((i + 1 for i, v in enumerate(b) if v >= level), None) for b in best]
        known = [n for n in needed if n is not None]
        if len(needed) > 5:
            text = f"{np.mean(known):.0f} on average"
        else:
            text = ", ".join("never" if n is None else str(n) for n in needed)
        table.rows.append([name, *cells, text])
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
    study, grid = course(args.grid, args.metric)
    chance = np.random.default_rng(1)
    level = float(np.nanmax(grid))
    name = f"grid of {len(grid)}, in random order"
    courses = {name: [chance.permutation(grid) for _ in range(ORDERS)]}
    for label, *folders in args.search:
        courses[label] = [course(Path(folder), study.metric.key)[1] for folder in folders]
    table = reached_table(courses, level, args.most)
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
