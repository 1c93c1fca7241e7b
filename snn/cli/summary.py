"""``sweep_summary.py``: summarise a sweep from what its runs wrote, or watch it while it runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from snn.analysis.records import read_records
from snn.errors import SnnError
from snn.places import program

if TYPE_CHECKING:
    from snn.analysis.report import Section

EPILOG = """\
examples:
  python sweep_summary.py outputs/sweeps/randman
  python sweep_summary.py outputs/sweeps/tbl --metric final.val.loss
  python sweep_summary.py outputs/sweeps/tbl --watch --html
  python sweep_summary.py outputs/tbl/RUN outputs/tbl/OTHER_RUN
  python sweep_summary.py outputs/sweeps/tbl outputs/sweeps/sparse --less-is-more

DIR/summary/ then holds results.csv and results.parquet (a row per run), each table as .md and .tex,
each figure as .png and .svg, and report.html, which holds all of it, can be sorted, filtered and
brushed, and opens without a server. Of two or more runs, RUN/summary/ of the first holds what they
differ in.

Points are ranked by validation accuracy of the weights that did best on the validation part;
without such a part by training accuracy. Test accuracy is reported once, of the best point;
--thesis adds that of every value.

exit codes: 0 done; 1 DIR cannot be summarised; 2 wrong arguments; 130 stopped by Ctrl-C
"""


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog=program("summary").removeprefix("python "),
        description="Summarise all runs below a directory, from their records alone.",
        epilog=EPILOG.replace("python sweep_summary.py", program("summary")),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "dir",
        metavar="DIR",
        nargs="+",
        type=Path,
        help="searched at any depth for runs; of two or more directories, each a run, the runs "
        "are compared; with --less-is-more each is a sweep",
    )
    parser.add_argument(
        "--metric",
        help="number in result.json to rank by, or its end: val, train.loss, final.test.accuracy, "
        "fit_seconds (losses and seconds: lower is better)",
    )
    parser.add_argument(
        "--base",
        metavar="RUN",
        help="a run's directory, or the end of its name: compare every point of its data set with "
        "its point. Without it, a sweep that changes one thing at a time is compared with what it "
        "changes",
    )
    parser.add_argument(
        "--thesis",
        action="store_true",
        help="add the thesis's own view: training and test accuracy and time of every value. "
        "Without it test accuracy is shown once, of the best point",
    )
    parser.add_argument(
        "--less-is-more",
        action="store_true",
        help="write instead where more spikes, hidden neurons and time steps stop paying, of all "
        "DIRs together: DIR/summary/less_is_more.png, .svg, .md, .tex and .csv of the first",
    )
    parser.add_argument(
        "--margin",
        type=float,
        metavar="POINTS",
        help="with --less-is-more: percentage points of accuracy that do not matter (default: 0.5)",
    )
    watch = parser.add_argument_group("while it runs")
    watch.add_argument(
        "--watch",
        action="store_true",
        help="show done, running, failed and left, best so far and time left, until all is done; "
        "works on any machine that sees DIR",
    )
    watch.add_argument(
        "--html",
        action="store_true",
        help="with --watch: keep DIR/summary/report.html fresh, a page that loads itself anew",
    )
    watch.add_argument(
        "--total",
        type=int,
        help="number of points, where no DIR/sweep.json tells",
    )
    watch.add_argument(
        "--interval", type=float, default=5.0, help="seconds between looks (default: 5)"
    )
    args = parser.parse_args(argv)
    if args.html and not args.watch:
        parser.error("--html belongs to --watch; without it, report.html is written anyway")
    if args.margin is not None and not args.less_is_more:
        parser.error("--margin belongs to --less-is-more")
    if args.margin is not None and not 0 <= args.margin <= 100:
        parser.error(f"--margin {args.margin:g}: percentage points, 0 to 100")
    if args.less_is_more and (args.watch or args.base or args.thesis):
        parser.error("--less-is-more takes --metric and --margin alone")
    if len(args.dir) > 1 and (args.watch or args.base):
        parser.error("--watch and --base take one directory")
    return args


def summary(args: argparse.Namespace, console: Console) -> None:
    """Write the summary, or the comparison, and print its tables."""
    # pandas and matplotlib: not needed to watch
    from snn.analysis.compare import compare
    from snn.analysis.summary import summarise

    if len(args.dir) > 1:
        result = compare(args.dir, args.metric, args.thesis)
    else:
        result = summarise(read_records(args.dir[0]), args.metric, args.base, args.thesis)
    _print(result.lead, result.sections, console)
    report = result.folder / "report.html"
    console.print(f"\nReport: {report}", soft_wrap=True, markup=False, highlight=False)


def less_is_more(args: argparse.Namespace, console: Console) -> None:
    """Write where more stops paying, and print it."""
    from snn.analysis import less_is_more as made
    from snn.analysis.paying import MARGIN

    margin = MARGIN if args.margin is None else args.margin / 100
    result = made.less_is_more(args.dir, args.metric, margin)
    _print(result.lead, result.sections, console)
    for file in result.files:
        console.print(f"\nFigure: {file}", soft_wrap=True, markup=False, highlight=False)


def _print(lead: str, sections: Sequence[Section], console: Console) -> None:
    console.print(lead, highlight=False)
    for section in filter(lambda section: section.has_text, sections):
        console.rule(section.title, align="left")
        for text in section.warnings:
            console.print(text, style="yellow", markup=False, highlight=False)
        for table in section.tables:
            console.print(table.rich())
        for text in (*section.paragraphs, *section.commands):
            console.print(text, soft_wrap=True, markup=False, highlight=False)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    args = arguments(sys.argv[1:] if argv is None else argv)
    # A file or a pipe has no width of its own; tables should not be folded for it.
    console = Console() if sys.stdout.isatty() else Console(width=140)
    try:
        if args.watch:
            from snn.analysis.live import watch_with_page
            from snn.analysis.watch import watch

            look = watch_with_page if args.html else watch
            look(args.dir[0], console, args.metric, args.total, args.interval)
        elif args.less_is_more:
            less_is_more(args, console)
        else:
            summary(args, console)
    except SnnError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
