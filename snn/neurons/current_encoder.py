r"""Trainable encoding of analog signals: LIF neurons driven by a current with gain and bias.

SpyTorch's tutorial 5 (Zenke & Müller-Cleve): unit :math:`k` of ``copies * channels`` listens to
channel :math:`k \bmod channels`, from :math:`E(0) = 0, Z(-1) = 0`:

.. math::
    Z(t)   &= \Theta(E(t) - \vartheta) \\
    E(t+1) &= (\beta\,E(t) + (1 - \beta)\,g\,(x(t) + b))\,(1 - Z(t-1))

The reset comes one step late and is kept out of the gradient. The spikes :math:`Z(t)` are the
first layer's input at step :math:`t`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from snn.neurons.lif import over_time
from snn.neurons.surrogate import spike


class EncoderState(NamedTuple):
    """State of the encoder between two steps, each ``[batch, unit]``."""

    potential: Tensor
    """Membrane potential ``E(t)``."""
    spikes: Tensor
    """Spikes of the previous step, ``Z(t-1)``."""


def current_encoder(
    x: Tensor,
    gain: Tensor,
    bias: Tensor,
    beta: Tensor | float,
    *,
    threshold: float = 1.0,
    scale: float = 100.0,
    surrogate: str = "fast_sigmoid",
    state: EncoderState | None = None,
) -> tuple[Tensor, Tensor, EncoderState]:
    """Encode analog signals as spikes.

    Args:
        x: analog input, ``[batch, step, channel]``.
        gain: per unit, ``[copies * channel]``.
        bias: per unit, ``[copies * channel]``.
        beta: decay of the membrane potential per step, scalar or per unit.
        threshold: potential above which a unit spikes.
        scale: steepness of the surrogate derivative.
        surrogate: its shape.
        state: where an earlier chunk ended; None starts from rest.

    Returns:
        Spikes ``Z(0..T-1)`` and potentials ``E(0..T-1)``, both ``[batch, step, unit]``, and the
        state after the last step.

    Raises:
        ValueError: the units are no whole number of copies of the channels.
    """
    copies, rest = divmod(gain.numel(), max(x.shape[2], 1))
    if rest or not copies:
        raise ValueError(
            f"an encoder of {gain.numel()} units for {x.shape[2]} channels: must be a multiple"
        )
    currents = torch.einsum("abc,c->abc", x.tile(1, 1, copies) + bias, gain)
    zero = currents.new_zeros(currents.shape[0], currents.shape[2])
    potential, previous = state or EncoderState(zero, zero)
    spikes, potentials = [], []
    for current in currents.unbind(1):
        z = spike(potential - threshold, scale, surrogate)
        spikes.append(z)
        potentials.append(potential)
        potential = (beta * potential + (1.0 - beta) * current) * (1.0 - previous.detach())
        previous = z
    end = EncoderState(potential, previous)
    return over_time(spikes, currents), over_time(potentials, currents), end
