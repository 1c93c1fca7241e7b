"""A CSV table with one row per epoch, and TensorBoard with what matters first."""

from __future__ import annotations

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only

from snn.files import whole_file


class EpochTable(Logger):
    """Writes ``metrics.csv``: a row per epoch, a column per metric, always complete on disk.

    Lightning's own CSVLogger deletes the table of an interrupted run when it is resumed; this one
    goes on with it.

    Args:
        save_dir: folder of the file.
        resume: keep the rows that are there; else start a new table.
    """

    def __init__(self, save_dir: str | Path, resume: bool = False) -> None:
        super().__init__()
        self.path = Path(save_dir) / "metrics.csv"
        self.rows: dict[int, dict[str, Any]] = {}
        if resume and self.path.exists():
            with self.path.open(newline="", encoding="utf-8") as file:
                self.rows = {int(row["epoch"]): row for row in csv.DictReader(file)}

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""  # one table per run directory

    @property
    def save_dir(self) -> str:
        return str(self.path.parent)

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """The run's result holds its configuration; nothing to add here."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        row = self.rows.setdefault(int(step or 0), {})
        row.update({k: float(v) for k, v in metrics.items() if k not in {"epoch", "step"}})
        row["epoch"] = int(step or 0)

    @rank_zero_only
    def save(self) -> None:
        if not self.rows:
            return
        metrics = {key for row in self.rows.values() for key in row} - {"epoch"}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path, sole_writer=True, newline="") as file:
            writer = csv.DictWriter(file, ["epoch", *sorted(metrics)], restval="")
            writer.writeheader()
            writer.writerows(row for _, row in sorted(self.rows.items()))


class TensorBoard(TensorBoardLogger):
    """Lightning's logger, with accuracies at the top of the page.

    TensorBoard sorts groups of curves by name: ``val/accuracy`` is ``accuracy/val`` there, and
    there alone.
    """

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        super().log_metrics({_accuracy_first(name): v for name, v in metrics.items()}, step)


def _accuracy_first(name: str) -> str:
    group, _, rest = name.partition("/")
    return f"accuracy/{group}" if rest == "accuracy" else name
