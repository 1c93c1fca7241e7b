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
    """

    def __init__(self, units: int, kind: str) -> None:
        self.units, self.kind = units, kind

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if pl_module.network.hidden[0].nb_units != self.units or trainer.current_epoch != 1:
            return
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "diverge":
            pl_module.network.readout.weight.data.fill_(float("nan"))
            return
        raise RuntimeError("a mishap")


def mishap(units: int, kind: str) -> list[str]:
    """Overrides that switch it on."""
    target = f"+callbacks.mishap._target_={__name__}.Mishap"
    return [target, f"+callbacks.mishap.units={units}", f"+callbacks.mishap.kind={kind}"]
