"""Networks for the tests of the GPU kernels: small for the interpreter, large on a GPU."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from snn import kernels
from snn.events import EventBatch
from tests.kernels.compare import Case
from tests.requirements import needs

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
needs_triton = needs("triton")
needs_cuda = pytest.mark.skipif(
    DEVICE.type != "cuda", reason="needs a CUDA device: neither run nor proven here"
)
REAL_SIZES = {"batch": 300, "steps": 100, "inputs": 300, "sizes": (200,), "classes": 10}
"""On a GPU in place of the small ones; a test's own sizes stay."""


@dataclass
class GPUCase(Case):
    """A case whose tensors are on the GPU if there is one, with sizes that are interpreted fast."""

    batch: int = 3
    steps: int = 8
    inputs: int = 6
    sizes: tuple[int, ...] = (9,)
    weight_scale: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.x = self.x.to(DEVICE)
        self.labels = self.labels.to(DEVICE)
        self.masks = [None if mask is None else mask.to(DEVICE) for mask in self.masks]
        self.parameters = {
            name: p.detach().to(DEVICE).requires_grad_() for name, p in self.parameters.items()
        }

    def kernels(self) -> tuple[Tensor, list[Tensor]]:
        given = self.layers(), self.readout(), self.encoder_parameters()
        return kernels.network(self.x, *given, backend="gpu")


def at_real_size(case: GPUCase, **options) -> GPUCase:
    """The case with the sizes of a real training where it does not name its own."""
    return replace(case, **{k: v for k, v in REAL_SIZES.items() if k not in options})


def wide(batch: EventBatch) -> EventBatch:
    """The same events with unit ids of 32 bits."""
    store = replace(batch.store, units=batch.store.units.int())
    return replace(batch, store=store)
