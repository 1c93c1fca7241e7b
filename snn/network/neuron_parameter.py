"""Parameters of a layer's declared neurons."""

from __future__ import annotations

import math
import numbers
from typing import Any, get_args

import torch
from torch import Tensor, nn

from snn.errors import ConfigError
from snn.network.layers import from_logit
from snn.neurons import Parameter
from snn.neurons.declaration.neuron import Learn

SHORTEST = 20.0
"""Steps per learned time constant, at most: its decay per step is 2e-9 then."""


class NeuronParameter(nn.Module):
    """A parameter of a layer's neurons: one number or one for each, fixed or learned.

    What is learned is stored in a form in which a step of the optimizer means something. Of a time
    constant that is its place between its limits, 0 to 1, as in Baronig et al. (arXiv:2408.07517),
    or with ``keep="logit"`` the logit of its decay per step; of other parameters the value itself,
    or with ``keep="logit"`` the logit of its place between its limits.

    Args:
        name: for messages.
        parameter: its declaration.
        units: number of neurons.
        time_step: milliseconds per step.
        initial: instead of the declared initial value; a tensor ``[unit]`` gives each neuron its
            own.
        learn: instead of the declared one.

    Raises:
        ConfigError: either is none that the declaration allows.
    """

    def __init__(
        self,
        name: str,
        parameter: Parameter,
        units: int,
        time_step: float,
        initial: float | tuple[float, float] | Tensor | None = None,
        learn: Learn | None = None,
    ) -> None:
        super().__init__()
        self.declared, self.time_step = parameter, time_step
        learn = learn or parameter.learn
        if learn not in get_args(Learn):
            raise ConfigError(f"learn.{name}", learn, f"one of {', '.join(get_args(Learn))}")
        initial = parameter.initial if initial is None else initial
        ends = _ends(initial, units)
        low, high = parameter.low, parameter.high
        if ends is None or not low <= ends[0] <= ends[1] <= high:
            allowed = (
                f"a number, [low, high] with low <= high, or a tensor [{units}], between {low:g} "
                f"and {high:g}"
            )
            raise ConfigError(f"initial.{name}", initial, allowed)
        if parameter.is_time_constant and not 0 < math.exp(-time_step / max(ends[0], 1e-9)) < 1:
            raise ConfigError(f"initial.{name}", initial, f"of the order of {time_step} ms")
        spread = ends[0] != ends[1] or isinstance(initial, Tensor)
        if spread and learn == "layer":
            raise ConfigError(f"learn.{name}", learn, "fixed or neuron, where values are drawn")
        shape = (units,) if spread or learn == "neuron" else ()
        if isinstance(initial, Tensor):
            drawn = initial.detach().double().clone()  # the caller's stays the caller's
        else:
            drawn = ends[0] + (ends[1] - ends[0]) * torch.rand(shape, dtype=torch.float64)
        self.number: float | None = None
        self.raw: Tensor | None
        if learn == "fixed" and not spread:
            self.number, self.raw = float(ends[0]), None
            return
        raw = self._inner(drawn).to(torch.get_default_dtype())
        if learn == "fixed":
            self.register_buffer("raw", raw)
        else:
            self.raw = nn.Parameter(raw)

    @property
    def _by_place(self) -> bool:
        p = self.declared
        return p.is_time_constant and p.keep == "clamp" and math.isfinite(p.high)

    def _inner(self, value: Tensor) -> Tensor:
        p = self.declared
        if p.keep == "logit":
            if p.is_time_constant:
                return torch.logit(torch.exp(-self.time_step / value))
            return torch.logit((value - p.low) / (p.high - p.low), eps=1e-6)
        return (value - p.low) / (p.high - p.low) if self._by_place else value

    def value(self) -> Tensor | float:
        """As it is declared, of a time constant in ms."""
        p = self.declared
        if self.number is not None:
            return self.number
        if p.keep == "logit":
            place = from_logit(self.raw)
            if p.is_time_constant:
                return -self.time_step / torch.log(place)
            return p.low + (p.high - p.low) * place
        return p.low + (p.high - p.low) * self.raw if self._by_place else self.raw

    def forward(self) -> Tensor | float:
        """As the neuron's step gets it: of a time constant the decay per step."""
        if not self.declared.is_time_constant:
            return self.value()
        if self.number is not None:
            return math.exp(-self.time_step / self.number)
        if self.declared.keep == "logit":
            return from_logit(self.raw)
        return torch.exp(-self.time_step / self.value())

    @torch.no_grad()
    def keep_in_range(self) -> None:
        """After a step of the optimizer."""
        if self.declared.keep == "clamp" and isinstance(self.raw, nn.Parameter):
            p = self.declared
            low, high = (0.0, 1.0) if self._by_place else (p.low, p.high)
            if p.is_time_constant:  # of 0 ms the decay has no derivative
                low = max(low, float(self._inner(torch.tensor(self.time_step / SHORTEST))))
            self.raw.clamp_(low, high)


def _ends(initial: Any, units: int) -> tuple[float, float] | None:
    """The smallest and the largest of some initial values; None if they are none."""
    if isinstance(initial, Tensor):
        is_one = initial.shape == (units,) and not initial.is_complex()
        return (initial.min().item(), initial.max().item()) if is_one else None
    ends = tuple(initial) if isinstance(initial, list | tuple) else (initial, initial)
    are_numbers = all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in ends)
    return ends if len(ends) == 2 and are_numbers else None
