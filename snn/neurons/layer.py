r"""A layer of declared neurons over time, in einsum: the reference of every declared neuron.

.. math::
    h(t) &= x(t)\,W + b + S(t - d)\,V, \qquad d = 1 \text{ (previous) or } 0 \text{ (current)} \\
    v(t), \mathit{after} &= \mathrm{step}(s(t), h(t)), \qquad
    S(t) = \Theta(v(t) - \vartheta), \qquad s(t+1) = \mathit{after}(S(t))

The step is the very function that the neuron declares (:mod:`snn.neurons.declaration`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from snn.errors import ConfigError
from snn.neurons.declaration.neuron import Neuron, Values
from snn.neurons.declaration.program import program
from snn.neurons.lif import Recurrence, over_time
from snn.neurons.surrogate import spike


class LayerState(NamedTuple):
    """State of a layer between two steps, each ``[batch, unit]``."""

    states: dict[str, Tensor]
    """By the names of the neuron's state variables."""
    sent: Tensor
    """The previous step's spikes as the recurrent weights saw them, dropout applied."""
    past: Tensor | None = None
    """Of recurrent delays: what was sent in the last steps, the latest first,
    ``[batch, tap, unit]``."""
    coming: Tensor | None = None
    """Of delays on the way in: input that has not arrived yet, ``[batch, tap - 1, input]``."""

    @classmethod
    def rest(
        cls, neuron: Neuron, batch: int, units: int, like: Tensor, start: Mapping[str, float] = {}
    ) -> LayerState:
        """The state that a sequence starts from, in the dtype and device of ``like``."""
        states = {
            name: like.new_full((batch, units), start.get(name, state.initial))
            for name, state in neuron.states.items()
        }
        return cls(states, like.new_zeros(batch, units))


def neuron_layer(
    x: Tensor,
    weight: Tensor,
    recurrent_weight: Tensor | None,
    neuron: Neuron,
    values: Mapping[str, Tensor | float],
    *,
    bias: Tensor | None = None,
    surrogate: str = "fast_sigmoid",
    scale: float = 100.0,
    recurrence: Recurrence = "previous",
    state: LayerState | None = None,
    mask: Tensor | None = None,
    start: Mapping[str, float] | None = None,
    record: dict[str, list[Tensor]] | None = None,
    taps: Tensor | None = None,
) -> tuple[Tensor, Tensor, LayerState]:
    """Run a layer of declared neurons over a sequence.

    Args:
        x: input, usually spike counts, ``[batch, step, input]``.
        weight: feed-forward weights ``W``, ``[input, unit]``.
        recurrent_weight: recurrent weights ``V``, ``[unit, unit]``; None for none.
        neuron: whose step it is.
        values: of the neuron's parameters, a number or ``[unit]`` each; of a time constant the
            decay per step.
        bias: of the drive, ``[unit]``; None for none.
        surrogate: shape of the surrogate derivative.
        scale: its steepness.
        recurrence: recurrent drive from the spikes of the ``previous`` or the ``current`` step.
            The latter needs a neuron whose drive acts in a later step.
        state: where an earlier chunk of the sequence ended; None starts from rest.
        mask: factor on the spikes that the recurrent weights see (dropout),
            ``[batch, step or 1, unit]``.
        start: values of states at rest that differ from their declaration.
        record: by the names of states, lists to which each step's values before the step are
            added, ``[batch, unit]`` each; None keeps none.
        taps: delays of the recurrent connections: what a spike is worth 1, 2, ... steps later,
            ``[tap, unit]`` (:mod:`snn.neurons.delays`); None: it arrives one step later.

    Returns:
        Spikes ``S(0..T-1)`` and what was compared with the threshold, ``v(0..T-1)``, both
        ``[batch, step, unit]`` and before dropout, and the state after the last step.

    Raises:
        ConfigError: ``recurrence="current"`` where the drive acts in its own step.
    """
    drive = torch.einsum("abc,cd->abd", x, weight)
    if bias is not None:
        drive = drive + bias
    batch, steps, units = drive.shape
    states, sent, past, _ = state or LayerState.rest(neuron, batch, units, drive, start or {})
    if taps is not None and past is None:
        past = drive.new_zeros(batch, len(taps), units)
    # As tensors, which torch.exp and its like want; a number of one entry rounds like a plain one.
    numbers = {n: v for n, v in values.items() if not isinstance(v, Tensor)}
    tensors = {n: drive.new_tensor(v) for n, v in numbers.items()}
    p = Values(**values | tensors, threshold=drive.new_tensor(neuron.threshold))
    masks = [None] * steps if mask is None else mask.expand(-1, steps, -1).unbind(1)
    current = recurrence == "current" and recurrent_weight is not None
    if current:
        _require_latency(neuron)

    spikes, compared = [], []
    for h, m in zip(drive.unbind(1), masks, strict=True):
        if recurrent_weight is not None and not current:
            arriving = sent if taps is None else torch.einsum("atb,tb->ab", past, taps)
            h = h + torch.einsum("ab,bc->ac", arriving, recurrent_weight)
        v, after = neuron.step(Values(**states), h, p)
        v = v.to(drive.dtype)  # numbers times truths are float32, which is wider than some
        z = spike(v - neuron.threshold, scale, surrogate)
        spikes.append(z)
        compared.append(v)
        for name, kept in (record or {}).items():
            kept.append(states[name])
        sent = z if m is None else z * m
        if taps is not None:
            past = torch.cat([sent[:, None], past[:, :-1]], 1)
        if current:  # what is compared did not need the drive
            h = h + torch.einsum("ab,bc->ac", sent, recurrent_weight)
            _, after = neuron.step(Values(**states), h, p)
        states = {name: _like(value, z) for name, value in after(z).items()}
    end = LayerState(states, sent, past)
    return over_time(spikes, drive), over_time(compared, drive), end


def _like(value: Tensor | float, z: Tensor) -> Tensor:
    """A next state as ``[batch, unit]``, whatever it depends on."""
    plain = isinstance(value, Tensor) and value.shape == z.shape
    return (value if plain else value + 0.0 * z).to(z.dtype)


def _require_latency(neuron: Neuron) -> None:
    if not program(neuron).latency:
        raise ConfigError(
            "recurrence", "current", f"previous: a drive of {type(neuron).__name__} acts at once"
        )
