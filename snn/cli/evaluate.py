"""Measure a trained network on the test part of its data, or on other data.

RUN/evaluation/ then holds evaluation.json, each figure as .png and .svg, and report.html, which
holds all of it and opens without a server.
"""

from __future__ import annotations

import argparse
from pathlib import Path

EPILOG = """\
examples:
  python -m snn evaluate outputs/tbl/RUN
  python -m snn evaluate outputs/shd/RUN data.test_file=Mine/test.h5 --output mine
  python -m snn evaluate outputs/shd/RUN --split test_unheard --weights last --output unheard
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the sub-command."""
    parser.epilog = EPILOG
    parser.add_argument("run", metavar="RUN", type=Path, help="directory of a run, or a checkpoint")
    parser.add_argument(
        "overrides",
        metavar="data.KEY=VALUE",
        nargs="*",
        help="where the data lie, or others: data.root=..., data.test_file=...",
    )
    parser.add_argument(
        "--weights",
        choices=("best", "last"),
        help="best on the validation part, or last (default: best, if there is a validation part)",
    )
    parser.add_argument("--split", default="test", help="train, val, test ... (default: test)")
    parser.add_argument("--seed", type=int, default=0, help="of the disturbances (default: 0)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda ... (default: cpu)")
    parser.add_argument(
        "--output", metavar="DIR", type=Path, help="folder of the files (default: RUN/evaluation)"
    )


def execute(options: argparse.Namespace) -> int:
    """Run the sub-command; returns the exit code."""
    from rich.console import Console

    from snn.errors import ConfigError
    from snn.evaluation.evaluate import FOLDER, evaluate
    from snn.evaluation.report import lead, overall_table
    from snn.runs.loading import load

    if options.seed < 0:
        raise ConfigError("--seed", options.seed, "0 or more")
    trained = load(options.run, options.weights, options.device)
    found = evaluate(trained, options.overrides, options.split, options.seed, options.output)
    console = Console()
    console.print(lead(found), highlight=False)
    console.print(overall_table(found).rich())
    folder = options.output or trained.path / FOLDER
    console.print(f"Report: {folder / 'report.html'}", soft_wrap=True, highlight=False)
    return 0
