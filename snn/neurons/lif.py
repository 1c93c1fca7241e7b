r"""Current-based leaky integrate-and-fire (LIF) neurons with recurrence, in einsum.

Thesis eq. 5-10 in the timing of SpyTorch (Zenke & Halvagal, tutorial 4), from
:math:`I(0) = S(-1) = 0` and :math:`U(0) = 0` unless set, for :math:`t = 0 \ldots T-1`:

.. math::
    h(t)   &= x(t)\,W + S(t-1)\,V \\
    S(t)   &= \Theta(U(t) - \vartheta) \\
    U(t+1) &= (\beta\,U(t) + g\,I(t))\,(1 - S(t))        && \text{reset "zero"} \\
    U(t+1) &= \beta\,U(t) + g\,I(t) - \vartheta\,S(t)    && \text{reset "subtract", eq. 10} \\
    I(t+1) &= \alpha\,I(t) + h(t)

``g`` is 1, or :math:`1 - \beta` with ``leak_scaled_input``, which makes the membrane a running
mean of the current (SpyTorch's tutorial 5). With ``recurrence="current"`` the recurrent drive
is :math:`S(t)\,V`, as eq. 9 writes it.

With ``timing="prompt"`` input, leak, spike and reset belong to one step, as in snnTorch,
SpikingJelly and Norse, and as networks in NIR are simulated, from
:math:`I(-1) = S(-1) = 0`:

.. math::
    I(t) &= \alpha\,I(t-1) + x(t)\,W + S(t-1)\,V \\
    u(t) &= \beta\,U(t-1) + g\,I(t), \qquad S(t) = \Theta(u(t) - \vartheta) \\
    U(t) &= u(t)\,(1 - S(t)) \quad\text{or}\quad u(t) - \vartheta\,S(t)

The default's reset to zero also loses the current :math:`g\,I(t)` of the step after a spike, which
no shift in time makes up for: the two timings are different networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from snn.checks import Finite, Positive, checked
from snn.errors import ConfigError
from snn.neurons.surrogate import AnySurrogate, spike

Reset = Literal["zero", "subtract"]
Recurrence = Literal["previous", "current"]
Timing = Literal["late", "prompt"]


@checked
@dataclass(frozen=True)
class LIFDynamics:
    """What does not change while a layer is trained; a value that is not allowed is refused.

    Attributes:
        threshold: membrane potential above which a neuron spikes.
        scale: steepness of the surrogate derivative.
        surrogate: its shape, a key of :data:`snn.neurons.surrogate.SURROGATES`.
        reset: ``zero`` sets the potential to 0 after a spike, ``subtract`` lowers it by threshold.
        detach_reset: keep the reset out of the gradient.
        leak_scaled_input: scale the synaptic current by ``1 - beta``.
        recurrence: recurrent drive from the spikes of the ``previous`` or the ``current`` step.
        initial_potential: ``U(0)`` of a sequence that starts from rest. SpyTorch's tutorial 5
            starts at -0.001, its tutorials 1-4 at 0.
        timing: ``late`` is SpyTorch's; ``prompt`` lets an input act in its own step, where the
            recurrent drive can come from the ``previous`` step alone.
    """

    threshold: Finite = 1.0
    scale: Positive = 100.0
    surrogate: AnySurrogate = "fast_sigmoid"
    reset: Reset = "zero"
    detach_reset: bool = True
    leak_scaled_input: bool = False
    recurrence: Recurrence = "previous"
    initial_potential: Finite = 0.0
    timing: Timing = "late"

    def __post_init__(self) -> None:
        if self.timing == "prompt" and self.recurrence != "previous":
            raise ConfigError("recurrence", self.recurrence, "previous with timing=prompt")


class LIFState(NamedTuple):
    """State of a layer between two steps, each ``[batch, unit]``."""

    current: Tensor
    """Synaptic current ``I(t)``."""
    potential: Tensor
    """Membrane potential ``U(t)``."""
    sent: Tensor
    """The previous step's spikes as the recurrent weights saw them, dropout applied."""

    @classmethod
    def rest(cls, batch: int, units: int, dynamics: LIFDynamics, like: Tensor) -> LIFState:
        """The state that a sequence starts from, in the dtype and device of ``like``."""
        zero = like.new_zeros(batch, units)
        return cls(zero, torch.full_like(zero, dynamics.initial_potential), zero)


def lif(
    x: Tensor,
    weight: Tensor,
    recurrent_weight: Tensor | None,
    alpha: Tensor | float,
    beta: Tensor | float,
    dynamics: LIFDynamics,
    state: LIFState | None = None,
    mask: Tensor | None = None,
    currents: list[Tensor] | None = None,
) -> tuple[Tensor, Tensor, LIFState]:
    """Run a layer of LIF neurons over a sequence.

    Args:
        x: input, usually spike counts, ``[batch, step, input]``.
        weight: feed-forward weights ``W``, ``[input, unit]``.
        recurrent_weight: recurrent weights ``V``, ``[unit, unit]``; None for none.
        alpha: decay of the synaptic current per step, scalar or ``[unit]``.
        beta: decay of the membrane potential per step, scalar or ``[unit]``.
        dynamics: threshold, surrogate, reset and timing.
        state: where an earlier chunk of the sequence ended; None starts from rest.
        mask: factor on the spikes that the recurrent weights see (dropout),
            ``[batch, step or 1, unit]``.
        currents: a list to which the synaptic currents ``I(0) ... I(T-1)`` are added,
            ``[batch, unit]`` each; None keeps none.

    Returns:
        Spikes ``S(0..T-1)`` and membrane potentials ``U(0..T-1)``, both ``[batch, step, unit]``
        and before dropout, and the state after the last step.
    """
    drive = torch.einsum("abc,cd->abd", x, weight)
    batch, steps, units = drive.shape
    current, potential, sent = state or LIFState.rest(batch, units, dynamics, drive)
    gain = 1.0 - beta if dynamics.leak_scaled_input else 1.0
    prompt = dynamics.timing == "prompt"
    masks = [None] * steps if mask is None else mask.expand(-1, steps, -1).unbind(1)

    spikes, potentials = [], []
    # unbind: indexing drive[:, t] would add a full [batch, step, unit] gradient at every step
    for h, m in zip(drive.unbind(1), masks, strict=True):
        if prompt:
            if recurrent_weight is not None:
                h = h + torch.einsum("ab,bc->ac", sent, recurrent_weight)
            current = alpha * current + h
            potential = beta * potential + gain * current

        s = spike(potential - dynamics.threshold, dynamics.scale, dynamics.surrogate)
        spikes.append(s)
        potentials.append(potential)
        if currents is not None:
            currents.append(current)

        now = s if m is None else s * m

        if not prompt:
            if recurrent_weight is not None:
                presynaptic = sent if dynamics.recurrence == "previous" else now
                h = h + torch.einsum("ab,bc->ac", presynaptic, recurrent_weight)
            potential = beta * potential + gain * current
            current = alpha * current + h

        r = s.detach() if dynamics.detach_reset else s
        if dynamics.reset == "zero":
            potential = potential * (1.0 - r)
        else:
            potential = potential - dynamics.threshold * r
        sent = now

    end = LIFState(current, potential, sent)
    return over_time(spikes, drive), over_time(potentials, drive), end


def over_time(steps: list[Tensor], like: Tensor) -> Tensor:
    """``[batch, step, unit]`` of steps ``[batch, unit]``; of none, ``like``, which has none too."""
    return torch.stack(steps, 1) if steps else like
