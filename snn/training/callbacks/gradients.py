"""Gradient norms."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from torch.optim import Optimizer


class GradientNorms(pl.Callback):
    """Logs the L2 norm of each parameter's gradient, averaged over the steps of an epoch."""

    def __init__(self) -> None:
        self._sums: dict[str, torch.Tensor] = {}
        self._steps = 0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._sums, self._steps = {}, 0

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        self._steps += 1
        for name, parameter in pl_module.network.named_parameters():
            if parameter.grad is not None:
                norm = parameter.grad.detach().norm()
                self._sums[name] = self._sums[name] + norm if name in self._sums else norm

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        pl_module.publish(
            {f"gradient_norm/{name}": (s / self._steps).item() for name, s in self._sums.items()}
        )
