"""Networks and inputs of the size of the three data sets, drawn from a seed.

Weights are scaled so that a tenth of the hidden neurons fires in each step, as in networks under
training; how fast the kernels are depends on it, so the table says what it was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from snn.events import EventBatch, EventStore
from snn.network import SpikingNetwork
from snn.network.layers import CurrentEncoder, LeakyReadout, RecurrentLIF


@dataclass(frozen=True)
class Workload:
    """Sizes of a training step."""

    name: str
    batch: int
    steps: int
    inputs: int
    """Input units; of an analog signal, channels times copies."""
    classes: int
    events: int
    """Events per sample; 0: an analog signal of four channels."""
    weight_scale: float
    recurrent_scale: float
    alpha: float
    beta: float
    hidden: int = 200

    @property
    def analog(self) -> bool:
        return self.events == 0


def _constants(tau_syn: float, tau_mem: float) -> dict[str, float]:
    """Decays from time constants in steps."""
    return {"alpha": math.exp(-1.0 / tau_syn), "beta": math.exp(-1.0 / tau_mem)}


WORKLOADS = {
    w.name: w
    for w in (
        Workload("fmnist", 256, 100, 784, 10, 313, 2.5, 1.0, **_constants(5, 10)),
        Workload("shd", 256, 100, 700, 20, 8000, 0.4, 0.5, **_constants(5, 10)),
        Workload("tbl", 100, 152, 128, 27, 0, 1.0, 0.3, **_constants(10, 20)),
    )
}


@dataclass
class Problem:
    """A workload made concrete."""

    workload: Workload
    x: EventBatch | Tensor
    """Events, or the analog signal ``[batch, step, 4]``."""
    labels: Tensor

    @classmethod
    def draw(cls, workload: Workload, seed: int = 0) -> Problem:
        w = workload
        torch.manual_seed(seed)
        labels = torch.randint(w.classes, (w.batch,))
        if w.analog:
            walk = torch.randn(w.batch, w.steps, 4).cumsum(1)
            return cls(w, (walk - walk.mean()) / walk.std(), labels)
        rng = np.random.default_rng(seed)
        samples = 4 * w.batch  # a batch is picked out of a larger store
        total = samples * w.events
        store = EventStore.from_events(
            np.repeat(np.arange(samples), w.events),
            rng.integers(0, w.steps, total),
            rng.integers(0, w.inputs, total),
            nb_samples=samples,
            nb_steps=w.steps,
            nb_units=w.inputs,
        )
        return cls(w, EventBatch(store, torch.randperm(samples)[: w.batch]), labels)

    def save(self, folder: Path) -> None:
        """Write inputs and labels."""
        index = None
        if isinstance(self.x, EventBatch):
            self.x.store.save(folder)
            index = self.x.index
        signal = self.x if index is None else None
        torch.save({"labels": self.labels, "index": index, "signal": signal}, folder / "batch.pt")

    @classmethod
    def load(cls, workload: Workload, folder: Path) -> Problem:
        """A saved problem, its events memory-mapped as those of a data set are."""
        batch = torch.load(folder / "batch.pt", weights_only=True)
        x = batch["signal"]
        if batch["index"] is not None:
            x = EventBatch(EventStore.load(folder), batch["index"])
        return cls(workload, x, batch["labels"])

    def network(self, backend: str, seed: int = 0) -> SpikingNetwork:
        """A network of the workload's size; the same weights for every backend."""
        w = self.workload
        torch.manual_seed(seed)
        hidden = RecurrentLIF(
            w.inputs,
            w.hidden,
            w.alpha,
            w.beta,
            weight_scale=w.weight_scale,
            recurrent_weight_scale=w.recurrent_scale,
        )
        readout = LeakyReadout(w.hidden, w.classes, w.alpha, w.beta)
        encoder = CurrentEncoder(4, w.inputs // 4, w.beta) if w.analog else None
        return SpikingNetwork([hidden], readout, encoder, backend=backend)
