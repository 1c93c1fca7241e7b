"""Energy of the whole training."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytorch_lightning as pl

from snn.energy import Meter
from snn.energy.meter import Mark
from snn.training.energy import done, gpus_of


class EnergyMeter(pl.Callback):
    """Reads the counters over training, validation included; goes on when a run is resumed.

    The window is that of ``fit_seconds``. Where a part of the training had no counter (a run that
    is resumed on another machine) the window is shorter, and its length says so.

    Args:
        meter: the counters.
    """

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self._stack = ExitStack()
        self._begin: Mark | None = None
        self._before: dict[str, Any] = {"joules": None, "seconds": 0.0, "source": "none"}

    def _now(self) -> dict[str, Any]:
        """All windows so far, the one that is open too."""
        if self._begin is None:
            return self._before
        window, before = self.meter.since(self._begin), self._before
        if not window.joules:  # too short for a change, or not read to its end
            return before
        sources = {self.meter.source, before["source"]} - {"none"}
        return {
            "joules": window.joules + (before["joules"] or 0.0),
            "seconds": window.seconds + before["seconds"],
            "source": "estimated" if "estimated" in sources else "measured",
        }

    def facts(self) -> dict[str, Any]:
        """The entries of the run's result."""
        known = self._before["joules"] is not None
        return {
            "energy.source": self._before["source"],
            "energy.counters": self.meter.describe() or None,
            "energy.not_read": self.meter.why_not() or None,
            "energy.training.joules": self._before["joules"],
            "energy.training.seconds": self._before["seconds"] if known else None,
        }

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if stage == "fit":  # ahead of the window, since some take their time
            self._stack.enter_context(self.meter.opened(gpus_of(trainer.strategy.root_device)))

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._begin = self.meter.mark()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        done(pl_module.device)
        self._before, self._begin = self._now(), None

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._stack.close()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._begin = None
        self._stack.close()

    def state_dict(self) -> dict[str, Any]:
        return dict(self._now())

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._before = dict(state_dict)
