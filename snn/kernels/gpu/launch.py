"""From tensors to launches of the LIF kernels.

All tensors may have an axis of models before their own: then one launch computes several networks,
each by the very arithmetic that a launch of its own would do.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from snn.kernels.gpu.backward import lif_backward
from snn.kernels.gpu.forward import lif_forward
from snn.kernels.gpu.problem import LIFSpec, scalars
from snn.kernels.gpu.tiling import lif_plan, padded


class LIFTensors(NamedTuple):
    """What a layer computes with, in one dtype on one device; or several layers, model by model."""

    drive: Tensor
    """Input currents ``[step, batch, unit]``, the last dimension contiguous."""
    recurrent: Tensor | None
    """``[unit, unit]``."""
    alpha: Tensor
    beta: Tensor
    gain: Tensor
    """``[unit]`` each."""
    mask: Tensor | None
    """``[step or 1, batch, unit]``, the last dimension contiguous."""


class LIFResult(NamedTuple):
    """What a layer leaves; each ``[step, batch, unit]``, of rows that may be padded."""

    sent: Tensor
    """Spikes after dropout."""
    counts: Tensor
    """Spikes before dropout, ``[batch, unit]``."""
    potential: Tensor | None
    current: Tensor | None


class LIFGradients(NamedTuple):
    """Adjoints of what a layer computes with."""

    drive: Tensor
    """``[step, batch, unit]``."""
    constants: Tensor | None
    """Of alpha, beta and gain, ``[3, unit]``."""


def lined_up(x: Tensor | None) -> Tensor | None:
    """A tensor whose last dimension is contiguous, as the kernels want it."""
    return x if x is None or x.stride(-1) == 1 or x.shape[-1] == 1 else x.contiguous()


def square(weight: Tensor | None, width: int, transpose: bool) -> Tensor | None:
    """Recurrent weights with rows and columns of zeros up to ``width``."""
    if weight is None:
        return None
    weight = weight.detach().mT if transpose else weight.detach()
    missing = width - weight.shape[-1]
    return F.pad(weight, (0, missing, 0, missing)) if missing else weight.contiguous()


def strides(x: Tensor | None) -> tuple[int, int]:
    """Of time and sample; a mask that is held over time has no step."""
    if x is None:
        return 0, 0
    return (0 if x.shape[-3] == 1 else x.stride(-3)), x.stride(-2)


def model_strides(lead: tuple[int, ...], *tensors: Tensor | None) -> list[int]:
    """From one model's numbers to the next one's, in each tensor; 0 where there is one alone."""
    return [x.stride(0) if lead and x is not None else 0 for x in tensors]


ALIGNED = 64
"""Numbers. What is computed of a tensor may depend on how its address is aligned: the compiler lays
tiles out by it, and libraries choose kernels. Each model's part begins where a tensor could."""


def apart(like: Tensor, lead: tuple[int, ...], *shape: int) -> Tensor:
    """An empty tensor ``[*lead, *shape]``; with a leading axis, each model's part is aligned."""
    if not lead:
        return like.new_empty(shape)
    part = -(-math.prod(shape) // ALIGNED) * ALIGNED
    return like.new_empty(*lead, part)[:, : math.prod(shape)].unflatten(1, shape)


def grid(programs: int, lead: tuple[int, ...]) -> tuple[int, ...]:
    """So many programs for each model."""
    return programs, *lead


def models_of(x: Tensor) -> tuple[int, ...]:
    """The leading axis of what is ``[step, batch, unit]`` for one model; empty for one alone."""
    return tuple(x.shape[:-3])


def forward(spec: LIFSpec, tensors: LIFTensors) -> LIFResult:
    """Run a layer over a sequence that starts from rest."""
    drive, recurrent, alpha, beta, gain, mask = tensors
    steps, batch, units = drive.shape[-3:]
    width, lead = padded(units), models_of(drive)
    sent = apart(drive, lead, steps, batch, width)
    counts = drive.new_empty(*lead, batch, width)
    potential = apart(drive, lead, steps, batch, width) if spec.keep else None
    current = apart(drive, lead, steps, batch, width) if spec.keep_current else None
    plan = lif_plan(batch, units, recurrent is not None, drive.dtype, drive.device)
    matrix = square(recurrent, width, transpose=False)
    if sent.numel() == 0:
        counts.zero_()
    else:
        lif_forward[grid(-(-batch // plan.block_b), lead)](
            drive,
            sent if matrix is None else matrix,
            *(lined_up(c) for c in (alpha, beta, gain)),
            scalars(spec.constants, drive),
            sent if mask is None else mask,
            sent,
            sent if potential is None else potential,
            sent if current is None else current,
            counts,
            batch,
            steps,
            units,
            width,
            width,
            drive.stride(-3),
            drive.stride(-2),
            *strides(mask),
            *model_strides(lead, drive, alpha, mask, sent),
            TOGETHER=bool(lead),
            RECURRENT=matrix is not None,
            PREVIOUS=spec.dynamics.recurrence == "previous",
            RESET_ZERO=spec.dynamics.reset == "zero",
            MASKED=mask is not None,
            KEEP_POTENTIAL=spec.keep,
            KEEP_CURRENT=spec.keep_current,
            **plan.options(),
        )
    cut = [None if x is None else x[..., :units] for x in (sent, counts, potential, current)]
    return LIFResult(*cut)


def backward(
    spec: LIFSpec,
    tensors: LIFTensors,
    result: LIFResult,
    grad_sent: Tensor | None,
    grad_counts: Tensor | None,
    learned: bool,
) -> LIFGradients:
    """Adjoints from those of the spikes after dropout and of the spike counts.

    Args:
        spec: as in the forward pass.
        tensors: as in the forward pass; the drive's values are not used.
        result: of the forward pass.
        grad_sent: ``[step, batch, unit]``, the last dimension contiguous.
        grad_counts: ``[batch, unit]``.
        learned: whether the constants want a gradient.
    """
    _, recurrent, alpha, beta, gain, mask = tensors
    steps, batch, units = result.potential.shape[-3:]
    width, lead = padded(units), models_of(result.potential)
    potential, current = result.potential, result.current
    grad_drive = apart(potential, lead, steps, batch, width)
    plan = lif_plan(batch, units, recurrent is not None, potential.dtype, potential.device)
    programs = -(-batch // plan.block_b)
    sums = potential.new_zeros(*lead, 3, programs, width) if learned else None
    matrix = square(recurrent, width, transpose=True)
    if grad_counts is not None and not lead:
        grad_counts = grad_counts.contiguous()
    if grad_drive.numel():
        lif_backward[grid(programs, lead)](
            potential,
            potential if current is None else current,
            potential if grad_sent is None else grad_sent,
            potential if grad_counts is None else grad_counts,
            potential if matrix is None else matrix,
            *(lined_up(c) for c in (alpha, beta, gain)),
            scalars(spec.constants, potential),
            potential if mask is None else mask,
            grad_drive,
            grad_drive if sums is None else sums,
            batch,
            steps,
            units,
            width,
            width,
            *strides(grad_sent),
            *strides(mask),
            *model_strides(lead, alpha, grad_sent, grad_counts, mask, grad_drive),
            TOGETHER=bool(lead),
            RECURRENT=matrix is not None,
            PREVIOUS=spec.dynamics.recurrence == "previous",
            RESET_ZERO=spec.dynamics.reset == "zero",
            ATTACHED=not spec.dynamics.detach_reset,
            MASKED=mask is not None,
            WITH_SENT=grad_sent is not None,
            WITH_COUNTS=grad_counts is not None,
            KEPT_CURRENT=current is not None,
            LEARNED=learned,
            SURROGATE=spec.dynamics.surrogate,
            **plan.options(),
        )
    if not learned:
        constants = None
    elif not lead:
        constants = sums.sum(1)[:, :units]
    else:  # summed as of one model, whose order of terms its shape decides
        constants = torch.stack([of_one.sum(1)[:, :units] for of_one in sums])
    return LIFGradients(grad_drive[..., :units], constants)
