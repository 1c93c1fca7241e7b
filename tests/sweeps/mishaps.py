"""Callbacks that make chosen points of a sweep fail."""

from __future__ import annotations

import os
import signal

import pytorch_lightning as pl


class Mishap(pl.Callback):
    """Fails in the second epoch of networks of one size.

    Args:
        units: hidden neurons of the network that it is meant for.
        kind: ``raise`` an exception, be ``kill``ed, or ``diverge``.
        scale: of the surrogate, if it is meant for networks of one scale.
    """

    def __init__(self, units: int, kind: str, scale: float | None = None) -> None:
        self.units, self.kind, self.scale = units, kind, scale

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        hidden = pl_module.network.hidden[0]
        if hidden.nb_units != self.units or trainer.current_epoch != 1:
            return
        if self.scale not in (None, hidden.dynamics.scale):
            return
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "diverge":
            pl_module.network.readout.weight.data.fill_(float("nan"))
            return
        raise RuntimeError("a mishap")


def mishap(units: int, kind: str, **more: float) -> list[str]:
    """Overrides that switch it on."""
    given = {"_target_": f"{__name__}.Mishap", "units": units, "kind": kind, **more}
    return [f"+callbacks.mishap.{key}={value}" for key, value in given.items()]
