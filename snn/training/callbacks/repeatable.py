"""Randomness that depends on seed and epoch alone."""

from __future__ import annotations

import pytorch_lightning as pl
import torch


class EpochSeed(pl.Callback):
    """Seeds torch anew at each epoch, so that a run resumed at epoch k draws what an undisturbed
    one would have drawn there.

    Args:
        seed: the run's seed.
    """

    # A prime keeps the streams of neighbouring seeds apart for any number of epochs below it.
    STRIDE = 1_000_003

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        torch.manual_seed(self.seed * self.STRIDE + trainer.current_epoch)
