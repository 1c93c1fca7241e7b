"""How large the blocks of a kernel are, and which sizes have none.

The numbers follow from what the compiler does with them (``python -m benchmarks.gpu_resources``
prints registers, shared memory and spills without a GPU). On an H100, with 100 and with 200 neurons
in float32, others were measured, and none was faster (``python -m benchmarks.gpu --tune``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import torch

MAX_UNITS = 1024
"""Of a hidden layer; a larger one runs as a CUDA graph of PyTorch operations."""
RESIDENT = {torch.float32: 128, torch.float64: 64}
"""Neurons up to which the recurrent weights stay in registers over all time steps."""
DENSE_INPUT = 1 / 32
"""Events per input and step from which a dense product replaces sums of weight rows. By
arithmetic: at 30 T multiply-adds and 4 TB/s from the L2 cache, both take as long."""

Product = Literal["none", "resident", "stream", "dot"]


@dataclass(frozen=True)
class Plan:
    """Sizes of a LIF kernel.

    Attributes:
        product: what becomes of the recurrent weights. ``resident``: in registers over all time
            steps. ``stream``: read tile by tile for every two or three steps, from the L1 cache
            up to about 220 neurons, else from L2. ``dot``: the same on tensor cores. ``none``:
            there are none.
        precision: of ``dot``: ``tf32``, ``tf32x3`` or ``bf16``; the others compute exactly.
        block_b: samples of a program.
        block_n: neurons, padded to a power of two.
        block_k: rows of a tile of weights.
        warps: of a program.
    """

    product: Product
    precision: str
    block_b: int
    block_n: int
    block_k: int
    warps: int

    def options(self) -> dict[str, Any]:
        """As a launch of a kernel takes them."""
        return {
            "PRODUCT": self.product,
            "PRECISION": self.precision,
            "BLOCK_B": self.block_b,
            "BLOCK_N": self.block_n,
            "BLOCK_K": self.block_k,
            "num_warps": self.warps,
            "num_stages": 1,
        }


_override: dict[str, Any] = {}


@contextmanager
def override(**sizes: Any) -> Iterator[None]:
    """Take these attributes of :class:`Plan` whatever the layer's size, to measure others.

    ``processors`` stands for the number of the GPU's multiprocessors.
    """
    before = dict(_override)
    _override.update(sizes)
    try:
        yield
    finally:
        _override.clear()
        _override.update(before)


def padded(units: int) -> int:
    """Length of a row of units in memory: a multiple of 16."""
    return -(-units // 16) * 16


def power_of_two(n: int, low: int = 1) -> int:
    """The smallest power of two that is at least n and low."""
    return max(low, 1 << max(n - 1, 0).bit_length())


@cache
def multiprocessors(device: torch.device) -> int:
    """Of a GPU; 1 for the CPU, where interpreted programs run one after another."""
    if device.type != "cuda":
        return 1
    return torch.cuda.get_device_properties(device).multi_processor_count


def precision() -> str:
    """Of recurrent products, from PyTorch's own setting.

    ``torch.set_float32_matmul_precision("highest")``, the default, is exact; ``high`` takes TF32
    and ``medium`` bfloat16, as they do for PyTorch's products before and after the time loop.
    """
    return {"high": "tf32", "medium": "bf16"}.get(torch.get_float32_matmul_precision(), "ieee")


def oversize(units: int) -> str | None:
    """Why a hidden layer has no kernel; None if it has."""
    if units > MAX_UNITS:
        return f"{units} neurons are more than the {MAX_UNITS} that a program can hold"
    return None


def lif_plan(
    batch: int, units: int, recurrent: bool, dtype: torch.dtype, device: torch.device
) -> Plan:
    """Sizes for a layer, with what :func:`override` says."""
    sizes = dict(_override)
    processors = sizes.pop("processors", None) or multiprocessors(device)
    plan = _lif_plan(batch, units, recurrent, dtype, processors, precision())
    return replace(plan, **sizes) if sizes else plan


@cache
def _lif_plan(
    batch: int, units: int, recurrent: bool, dtype: torch.dtype, processors: int, precision: str
) -> Plan:
    double = dtype == torch.float64
    n = power_of_two(units, 32)
    # no more programs than multiprocessors, as long as a program can take the samples
    samples = power_of_two(-(-batch // processors))
    if not recurrent:
        plan = Plan("none", "ieee", min(samples, 4), n, 16, max(n // 64, 1))
    elif precision != "ieee" and not double and n <= 256:
        plan = Plan("dot", precision, 16, n, 16, 8 if n > 64 else 4)
    elif n <= RESIDENT[dtype]:
        most = 1 if double else 4 if n <= 64 else 2
        plan = Plan("resident", "ieee", min(samples, most), n, n, max(n // 16, 1))
    else:
        rows = 8 if double or n > 512 else 16
        rows = rows // 2 if double and n > 512 else rows
        most = 1 if double else 2
        plan = Plan("stream", "ieee", min(samples, most), n, rows, n // 64)
    return plan


def input_mode(events_per_row: float, inputs: int) -> Literal["events", "dense"]:
    """Whether input currents are summed from events or come from a dense product.

    ``SNN_GPU_INPUT=events`` or ``dense`` decides instead.

    Args:
        events_per_row: mean number of events in a time step of a sample.
        inputs: input units.
    """
    forced = os.environ.get("SNN_GPU_INPUT")
    if forced in ("events", "dense"):
        return forced
    return "events" if events_per_row < DENSE_INPUT * inputs else "dense"
