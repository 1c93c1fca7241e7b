"""What a run prints when it is done."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from snn.places import program

SPLITS = ("train", "val", "test", "test_unheard")


def result_table(result: Mapping[str, Any]) -> Table:
    """Accuracy and loss of each split, of the final and of the best-validation weights."""
    table = Table("split", "final accuracy", "final loss", "best accuracy", "best loss")
    table.title = f"{result['epochs']} epochs in {result['fit_seconds']:.1f} s"
    if result["best_epoch"]:
        table.title += f", best on validation after epoch {result['best_epoch']}"
    for split in SPLITS:
        row = [
            result.get(f"metrics.{which}.{split}.{metric}")
            for which in ("final", "best")
            for metric in ("accuracy", "loss")
        ]
        if row[0] is not None:
            table.add_row(split, *("-" if value is None else f"{value:.4f}" for value in row))
    return table


def _shown(path: Path) -> str:
    """A path as one would type it from here."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _program(name: str) -> str:
    """A program of this environment as one would type it, whether it is activated or not."""
    found = shutil.which(name)
    ours = Path(sys.executable).parent
    if found is not None and Path(found).parent == ours:
        return name
    return _shown(ours / name)


def _command(words: str) -> str:
    """A command whose first word is a program of this environment."""
    first, space, others = words.partition(" ")
    return _program(first) + space + others


def print_result(result: Mapping[str, Any], run_dir: Path, console: Console | None = None) -> None:
    """The table, and the commands to go on with."""
    console = console or Console()
    console.print(result_table(result))
    directory, train = _shown(run_dir), _command(program("train"))
    for label, command in (
        ("Record", f"{directory}/result.json"),
        ("Look at it", f"{_program('tensorboard')} --logdir {directory}"),
        ("Other data", f"{train} experiment=fashion_mnist   (or shd, tbl)"),
        ("A small grid", f"{train} -m model.nb_hidden=50,100 model.scale=10,100"),
    ):
        console.print(f"{label + ':':<14}{command}", soft_wrap=True, highlight=False)
