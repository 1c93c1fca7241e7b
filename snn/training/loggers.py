"""A CSV table with one row per epoch, and TensorBoard."""

from __future__ import annotations

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only

from snn.files import whole_file
from snn.training.tags import CHARTS, tag_of


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
    """Lightning's logger, with the names and charts of :mod:`snn.training.tags`.

    Its files lie in the run's directory itself, so that TensorBoard calls a run by its directory.

    Args:
        save_dir: the run's directory.
        name: folder below it; none by default. A run that has one called ``tensorboard``, as runs
            once had, goes on in that.
        version: folder below that; none by default.
        log_graph: as Lightning's.
        default_hp_metric: as Lightning's.
        prefix: as Lightning's.
        sub_dir: as Lightning's.
    """

    def __init__(
        self,
        save_dir: str | Path,
        name: str | None = "",
        version: int | str | None = "",
        log_graph: bool = False,
        default_hp_metric: bool = False,
        prefix: str = "",
        sub_dir: str | None = None,
    ) -> None:
        if not name and (Path(save_dir) / "tensorboard").is_dir():
            name = "tensorboard"
        super().__init__(save_dir, name, version, log_graph, default_hp_metric, prefix, sub_dir)
        self._has_charts = False

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        if not self._has_charts:
            self._has_charts = True
            self.experiment.add_custom_scalars(CHARTS)
        # The epoch is the step already.
        shown = {tag_of(name): value for name, value in metrics.items() if name != "epoch"}
        super().log_metrics(shown, step)

    @rank_zero_only
    def save(self) -> None:
        """Lightning's would add a file of hyper-parameters to the run's own."""
        self.experiment.flush()
