"""Whether the GPU kernels can run a network here. Does not import Triton."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from snn.events import EventBatch, EventStore
from snn.kernels.gpu.tiling import oversize
from snn.neurons import Neuron

CAPABILITY = (8, 0)
"""The oldest compute capability that the kernels are compiled for in the tests."""


@cache
def _installed() -> bool:
    return importlib.util.find_spec("triton") is not None


@cache
def _failure(device: torch.device) -> str | None:
    """Why Triton runs no kernel on this GPU, found out once."""
    try:
        importlib.import_module("snn.kernels.gpu.probe").run(device)
    except Exception as error:  # of a compiler, a driver, or Triton itself
        said = str(error).strip().splitlines()
        return f"Triton runs no kernel here: {type(error).__name__}: {said[0] if said else ''}"
    return None


def interpreted() -> bool:
    """Whether Triton interprets kernels, on tensors of the CPU: ``TRITON_INTERPRET=1``."""
    return os.environ.get("TRITON_INTERPRET", "0").lower() in ("1", "true", "yes", "on", "y")


def obstacle(
    x: Tensor | EventBatch | EventStore, dtype: torch.dtype, device: torch.device
) -> str | None:
    """Why the kernels cannot run a network of this dtype and device on ``x``; None if they can."""
    source = x.device if isinstance(x, Tensor | EventBatch) else x.units.device
    if device != source:
        return f"the network is on {device}, its input on {source}"
    if device.type != "cuda" and not (device.type == "cpu" and interpreted()):
        return f"the GPU kernels need a CUDA device, not {device}"
    if not _installed():
        return 'Triton is not installed: pip install "snn[gpu]"'
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < CAPABILITY:
        have = ".".join(map(str, torch.cuda.get_device_capability(device)))
        need = ".".join(map(str, CAPABILITY))
        return f"the GPU kernels need compute capability {need}, this GPU has {have}"
    if torch.version.hip:
        return "the GPU kernels were never compiled for AMD's GPUs"
    if dtype not in (torch.float32, torch.float64):
        return f"the GPU kernels compute in float32 and float64, not in {dtype}"
    return None if device.type == "cpu" else _failure(device)


def description(sizes: Sequence[int]) -> str:
    """What runs hidden layers of so many neurons, for the log."""
    notes = [
        f"hidden layer {i} as a CUDA graph of PyTorch operations: {reason}"
        for i, units in enumerate(sizes)
        if (reason := oversize(units))
    ]
    return "; ".join(["Triton kernels", *notes])


def neuron_obstacle(neuron: Neuron, units: int) -> str | None:
    """Why the kernels cannot run a layer of a declared neuron; None if they can."""
    if reason := oversize(units):
        return f"a layer of {type(neuron).__name__}: {reason}"
    return None
