r"""Leaky readout that does not spike, and the rules that turn its trace into logits.

.. math::
    f(t+1) = \alpha\,f(t) + S(t)\,W, \qquad o(t+1) = \beta\,o(t) + g\,f(t), \qquad f(0) = o(0) = 0

with ``g = 1``, or ``1 - beta`` with ``leak_scaled_input`` (SpyTorch's tutorials 4 and 5). With
``timing="prompt"`` the potential follows the new current: :math:`o(t+1) = \beta\,o(t) + g\,f(t+1)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from snn.errors import ConfigError
from snn.neurons.lif import Timing


class ReadoutState(NamedTuple):
    """State of the readout between two steps, each ``[batch, class]``."""

    current: Tensor
    """Filtered input ``f(t)``."""
    potential: Tensor
    """Output ``o(t)``."""


def leaky_readout(
    spikes: Tensor,
    weight: Tensor,
    alpha: Tensor | float,
    beta: Tensor | float,
    *,
    leak_scaled_input: bool = False,
    timing: Timing = "late",
    state: ReadoutState | None = None,
    currents: list[Tensor] | None = None,
) -> tuple[Tensor, ReadoutState]:
    """Filter spikes twice, without a threshold.

    Args:
        spikes: ``[batch, step, unit]``.
        weight: ``[unit, class]``.
        alpha: decay of the current per step, scalar or ``[class]``.
        beta: decay of the potential per step, scalar or ``[class]``.
        leak_scaled_input: scale the current by ``1 - beta``.
        timing: whether a spike acts on the potential two steps later or one, see above.
        state: where an earlier chunk ended; None starts from rest.
        currents: a list to which the currents ``f(0) ... f(T)`` are added, ``[batch, class]`` each;
            None keeps none.

    Returns:
        ``o(0) ... o(T)``, ``[batch, step + 1, class]``, and the state after the last step. The
        first entry is the state that went in: when chunks are joined, later ones drop it.
    """
    drive = torch.einsum("abc,cd->abd", spikes, weight)
    zero = drive.new_zeros(drive.shape[0], drive.shape[2])
    current, potential = state or ReadoutState(zero, zero)
    gain = 1.0 - beta if leak_scaled_input else 1.0
    outputs = [potential]
    if currents is not None:
        currents.append(current)
    for h in drive.unbind(1):
        before, current = current, alpha * current + h
        potential = beta * potential + gain * (current if timing == "prompt" else before)
        outputs.append(potential)
        if currents is not None:
            currents.append(current)
    return torch.stack(outputs, 1), ReadoutState(current, potential)


LogitRule = Literal["max", "mean", "last", "sum_softmax"]

# name -> logits [batch, class] from the trace [batch, step + 1, class]
LOGIT_RULES: dict[str, Callable[[Tensor], Tensor]] = {
    # SpyTorch; the thesis. The initial zero takes part.
    "max": lambda trace: trace.max(1).values,
    "mean": lambda trace: trace.mean(1),
    "last": lambda trace: trace[:, -1],
    # Bittar & Garner 2022, Front. Neurosci. 16:865897
    "sum_softmax": lambda trace: trace.softmax(2).sum(1),
}
assert set(LOGIT_RULES) == set(get_args(LogitRule))


# The same of the trace up to each step, [batch, step + 1, class]; the last are those of the whole.
_RUNNING: dict[str, Callable[[Tensor], Tensor]] = {
    "max": lambda trace: trace.cummax(1).values,
    "mean": lambda trace: trace.cumsum(1) / _numbers(trace),
    "last": lambda trace: trace,
    "sum_softmax": lambda trace: trace.softmax(2).cumsum(1),
}
assert set(_RUNNING) == set(LOGIT_RULES)


def _numbers(trace: Tensor) -> Tensor:
    """1, 2, ... for each entry of the trace, ``[step + 1, 1]``."""
    return torch.arange(1, trace.shape[1] + 1, device=trace.device)[:, None]


def running_logits(trace: Tensor, rule: str = "max") -> Tensor:
    """What :func:`logits` would be if the sequence ended earlier.

    Args:
        trace: of the readout, ``[batch, step + 1, class]``.
        rule: as in :func:`logits`.

    Returns:
        ``[batch, step + 1, class]``; entry t is what is known after t steps.

    Raises:
        ConfigError: the rule is unknown.
    """
    return _known(rule, _RUNNING)(trace)


def decision_step(running: Tensor) -> Tensor:
    """The earliest step after which the answer is the final one and stays so, int64 ``[batch]``.

    Args:
        running: :func:`running_logits`, ``[batch, step + 1, class]``.
    """
    answers = running.argmax(2)
    differs = answers != answers[:, -1:]
    steps = torch.arange(1, answers.shape[1] + 1, device=answers.device)
    return (differs * steps).amax(1)


def logits(trace: Tensor, rule: str = "max") -> Tensor:
    """Logits ``[batch, class]`` from the readout's trace ``[batch, step + 1, class]``.

    Raises:
        ConfigError: the rule is unknown.
    """
    return _known(rule, LOGIT_RULES)(trace)


def _known(rule: str, rules: dict[str, Callable[[Tensor], Tensor]]) -> Callable[[Tensor], Tensor]:
    if rule not in rules:
        raise ConfigError("logit_rule", rule, f"one of {', '.join(rules)}")
    return rules[rule]
