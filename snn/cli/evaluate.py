"""Measure a trained network on the test part of its data, or on other data."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the sub-command."""
    parser.add_argument("run", metavar="RUN", type=Path, help="directory of a run, or a checkpoint")


def execute(options: argparse.Namespace) -> int:
    """Run the sub-command; returns the exit code."""
    raise NotImplementedError
