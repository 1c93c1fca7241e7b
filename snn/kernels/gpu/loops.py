"""A LIF layer as a loop over time in PyTorch operations, forward and backward.

The same as :mod:`snn.kernels.gpu.launch` for sizes that have no kernel. Every tensor is made
before the loop and no value is looked at, so that a CUDA graph can hold the whole of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snn.kernels.gpu.launch import LIFGradients, LIFResult, LIFTensors
from snn.kernels.gpu.problem import LIFSpec
from snn.neurons.surrogate import SURROGATES


def _mask(mask: Tensor | None, t: int) -> Tensor | None:
    return None if mask is None else mask[0 if mask.shape[0] == 1 else t]


def forward(spec: LIFSpec, tensors: LIFTensors) -> LIFResult:
    """Run a layer over a sequence that starts from rest."""
    drive, recurrent, alpha, beta, gain, mask = tensors
    d, steps = spec.dynamics, len(drive)
    sent = torch.empty_like(drive, memory_format=torch.contiguous_format)
    counts = drive.new_zeros(drive.shape[1:])
    potential = torch.empty_like(sent) if spec.keep else None
    current = torch.empty_like(sent) if spec.keep_current else None
    i = torch.zeros_like(counts)
    u = torch.full_like(counts, d.initial_potential)
    for t in range(steps):
        s = (u - d.threshold > 0).to(drive.dtype)
        counts += s
        m = _mask(mask, t)
        sent[t] = s if m is None else s * m
        if potential is not None:
            potential[t] = u
        if current is not None:
            current[t] = i
        u = beta * u + gain * i
        u = u * (1.0 - s) if d.reset == "zero" else u - d.threshold * s
        i = alpha * i + drive[t]
        source = t - 1 if d.recurrence == "previous" else t
        if recurrent is not None and source >= 0:
            i = torch.addmm(i, sent[source], recurrent)
    return LIFResult(sent, counts, potential, current)


def backward(
    spec: LIFSpec,
    tensors: LIFTensors,
    result: LIFResult,
    grad_sent: Tensor | None,
    grad_counts: Tensor | None,
    learned: bool,
) -> LIFGradients:
    """Adjoints; the recursion stands at :func:`snn.kernels.gpu.backward.lif_backward`."""
    _, recurrent, alpha, beta, gain, mask = tensors
    d = spec.dynamics
    derivative = SURROGATES[d.surrogate]
    steps = len(result.potential)
    grad_drive = torch.empty_like(result.potential, memory_format=torch.contiguous_format)
    gu = gi = torch.zeros_like(grad_drive[0]) if steps else None
    sums = [torch.zeros_like(alpha) for _ in range(3)]
    lag = 1 if d.recurrence == "previous" else 0
    for t in reversed(range(steps)):
        u = result.potential[t]
        i = None if result.current is None else result.current[t]
        s = (u - d.threshold > 0).to(u.dtype)
        kept = gu * (1.0 - s) if d.reset == "zero" else gu
        grad_drive[t] = gi
        g = torch.zeros_like(u) if grad_sent is None else grad_sent[t]
        if recurrent is not None and t + lag < steps:
            g = torch.addmm(g, grad_drive[t + lag], recurrent.t())
        m = _mask(mask, t)
        if m is not None:
            g = g * m
        if grad_counts is not None:
            g = g + grad_counts
        if not d.detach_reset:
            g = g - gu * (beta * u + gain * i if d.reset == "zero" else d.threshold)
        if learned:
            for total, term in zip(sums, (gi * i, kept * u, kept * i), strict=True):
                total += term.sum(0)
        gu = derivative(u - d.threshold, d.scale) * g + beta * kept
        gi = alpha * gi + gain * kept
    return LIFGradients(grad_drive, torch.stack(sums) if learned else None)
