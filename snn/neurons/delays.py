r"""Axonal delays: a spike reaches its targets later, each neuron's after a delay of its own.

A spike of neuron :math:`i` at step :math:`t` arrives, with weight :math:`k_i(\tau)`, at the steps
:math:`t + \tau`. While a delay :math:`d \ge 0` is learned it is spread over a triangle of width
:math:`s`, so that it has a gradient; the triangle shrinks during training, and afterwards delays
are rounded:

.. math::
    k_i(\tau) = \frac{\max(0,\; s - |\tau - (1 + d_i)|)}{s^2}

The kernel and its schedule are those of DelRec (Queant, Rançon, Cottereau & Masquelier 2025,
arXiv:2509.24852) for recurrent connections, where a spike takes a step anyway; on the way into a
layer :math:`\tau` counts from 0 instead of 1.
"""

from __future__ import annotations

import torch
from torch import Tensor


def triangular_taps(delay: Tensor, width: float, count: int, first: int = 1) -> Tensor:
    """Weights of a spike in the steps after it, ``[tap, unit]``, with a gradient of the delay.

    Args:
        delay: in steps, ``[unit]``.
        width: ``s`` of the triangle, at least 1: with 1 a delay is shared by the two steps beside
            it.
        count: number of taps.
        first: steps that the first tap stands for.
    """
    steps = torch.arange(first, first + count, device=delay.device, dtype=delay.dtype)
    distance = (steps[:, None] - (first + delay)).abs()
    return (width - distance).clamp_min(0.0) / width**2


def rounded_taps(delay: Tensor, count: int) -> Tensor:
    """The same of delays rounded to whole steps, without a gradient."""
    places = delay.detach().round().long().clamp(0, count - 1)
    return torch.nn.functional.one_hot(places, count).T.to(delay.dtype)


def delayed(x: Tensor, taps: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """A sequence as it arrives after its delays, whose first tap is the step itself.

    Args:
        x: ``[batch, step, unit]``.
        taps: ``[tap, unit]``.
        past: what an earlier chunk of the sequence left; None: nothing came before.

    Returns:
        ``[batch, step, unit]``, and what a later chunk needs, ``[batch, tap - 1, unit]``.
    """
    count = len(taps)
    if past is None:
        past = x.new_zeros(x.shape[0], count - 1, x.shape[2])
    longer = torch.cat([past, x], 1)
    arriving = torch.zeros_like(x)
    for tau, tap in enumerate(taps):
        begin = count - 1 - tau
        arriving = arriving + longer[:, begin : begin + x.shape[1]] * tap
    return arriving, longer[:, x.shape[1] :]
