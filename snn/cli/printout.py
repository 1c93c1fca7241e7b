"""What a run prints when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from snn import places
from snn.cli.words import program, script, shown
from snn.config.identity import flatten

# What a small grid varies: the first two that a run has.
VARIED = ("model.nb_hidden", "model.scale", "optimizer.lr")
OF_ONE_RUN = ("ckpt_path", "progress")
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


def print_result(result: Mapping[str, Any], run_dir: Path, console: Console | None = None) -> None:
    """The table, and the commands to go on with."""
    console = console or Console()
    console.print(result_table(result))
    for label, command in hints(result, run_dir):
        console.print(f"{label + ':':<14}{command}", soft_wrap=True, markup=False, highlight=False)


def hints(result: Mapping[str, Any], run_dir: Path) -> list[tuple[str, str]]:
    """What can be done next with this run, each with its command."""
    directory, python = shown(run_dir), program("python")
    listed = [("Record", shown(run_dir / "result.json"))]
    if next(run_dir.glob("**/*tfevents*"), None) is not None:
        listed.append(("Look at it", f"{program('tensorboard')} --logdir {directory}"))
    if next(run_dir.glob("checkpoints/*.ckpt"), None) is not None:
        listed.append(("Measure it", f"{python} -m snn evaluate {directory}"))
    if str(result["config"]["data"].get("_target_", "")).endswith(".Randman"):
        first, space, others = places.program("train").partition(" ")
        train = f"{program(first)}{space}{others}"
        listed.append(("Other data", f"{train} experiment=tbl (or fashion_mnist, shd)"))
    if grid := small_grid(result):
        listed.append(("A small grid", script(["-m", *grid])))
    return listed


def small_grid(result: Mapping[str, Any]) -> list[str]:
    """Overrides of four points around this run; none if it has none of the keys to vary."""
    config = dict(flatten(result["config"]))
    numbers = {
        key: config[key]
        for key in VARIED
        if isinstance(config.get(key), int | float) and not isinstance(config[key], bool)
    }
    swept = {}
    for key, value in list(numbers.items())[:2]:
        less = max(1, value // 2) if isinstance(value, int) else value / 2
        swept[key] = f"{key}={less:g},{value:g}"
    keys = [override.partition("=")[0].lstrip("+~") for override in result["overrides"]]
    if not swept or "sweep" in keys:  # the point of a sweep has its grid
        return []
    fixed = [
        override
        for key, override in zip(keys, result["overrides"], strict=True)
        if key not in swept and key not in OF_ONE_RUN
    ]
    return [*fixed, *swept.values()]
