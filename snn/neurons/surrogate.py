"""Spike function: a Heaviside step forward, a surrogate derivative backward.

The true derivative of a spike is zero almost everywhere, so training replaces it by a smooth
function of the distance to threshold (Neftci, Mostafa & Zenke 2019, IEEE Signal Process. Mag.
36:51). Here ``x = U - threshold`` and ``s = scale``, the steepness: a larger scale means a
narrower surrogate. Every derivative is 1 at ``x = 0``, so that exchanging the surrogate changes
the shape of the gradient and not its size at threshold.

The scale is an argument of each call. Two networks in one process never share it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, get_args

import torch
from pydantic import AfterValidator
from torch import Tensor

from snn.errors import ConfigError

SurrogateName = Literal[
    "fast_sigmoid", "boxcar", "atan", "triangular", "exponential", "sigmoid", "gaussian"
]
Derivative = Callable[[Tensor, float], Tensor]

# name -> d(spike)/dx as a function of (x, s). A new surrogate is one more line here, anywhere; the
# compiled kernels leave it to einsum until snn/kernels/surrogates.py knows it.
SURROGATES: dict[str, Derivative] = {
    # 1 / (s|x| + 1)^2: SuperSpike, Zenke & Ganguli 2018, Neural Comput. 30:1514; thesis eq. 12
    "fast_sigmoid": lambda x, s: (s * x.abs() + 1.0).pow(-2),
    # 1 where |x| <= 1/(2s), else 0: straight-through window, Bengio et al. 2013, arXiv:1308.3432;
    # as in Bittar & Garner 2022, Front. Neurosci. 16:865897 (s = 1)
    "boxcar": lambda x, s: (x.abs() <= 0.5 / s).to(x.dtype),
    # 1 / (1 + (pi s x / 2)^2): derivative of an arctangent, Fang et al. 2021, arXiv:2007.05785
    "atan": lambda x, s: ((0.5 * torch.pi * s * x).square() + 1.0).reciprocal(),
    # max(0, 1 - s|x|): piecewise linear, Esser et al. 2016, PNAS 113:11441; Bellec et al. 2018
    "triangular": lambda x, s: (1.0 - s * x.abs()).clamp_min(0.0),
    # exp(-s|x|): Shrestha & Orchard 2018 (SLAYER), arXiv:1810.08646
    "exponential": lambda x, s: torch.exp(-s * x.abs()),
    # 4 sig(sx)(1 - sig(sx)): derivative of a logistic function, scaled to a peak of 1,
    # Zenke & Vogels 2021, Neural Comput. 33:899
    "sigmoid": lambda x, s: 4.0 * torch.sigmoid(s * x) * torch.sigmoid(-s * x),
    # exp(-(sx)^2): Yin, Corradi & Bohte 2021, Nat. Mach. Intell. 3:905 (its central lobe)
    "gaussian": lambda x, s: torch.exp(-(s * x).square()),
}
assert set(SURROGATES) == set(get_args(SurrogateName))


def _known(name: str) -> str:
    if name not in SURROGATES:
        raise ValueError(f"one of {', '.join(SURROGATES)}")
    return name


AnySurrogate = Annotated[str, AfterValidator(_known)]
"""A key of :data:`SURROGATES`, those that were added included."""


class _Spike(torch.autograd.Function):
    """``1 if x > 0 else 0``, with ``grad * derivative(x, scale)`` on the way back."""

    @staticmethod
    def forward(ctx, x: Tensor, scale: float, derivative: Derivative) -> Tensor:
        ctx.save_for_backward(x)
        ctx.scale, ctx.derivative = scale, derivative
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return grad * ctx.derivative(x, ctx.scale), None, None


def spike(x: Tensor, scale: float = 100.0, surrogate: str = "fast_sigmoid") -> Tensor:
    """Spikes where the membrane potential exceeds its threshold (thesis eq. 8, 11, 12).

    Args:
        x: membrane potential minus threshold, any shape.
        scale: steepness of the surrogate derivative, > 0.
        surrogate: a key of :data:`SURROGATES`.

    Returns:
        0 or 1, in the shape and dtype of ``x``. At exactly 0 there is no spike.

    Raises:
        ConfigError: the surrogate is unknown.
    """
    try:
        derivative = SURROGATES[_known(surrogate)]
    except ValueError as error:
        raise ConfigError("surrogate", surrogate, str(error)) from None
    return _Spike.apply(x, scale, derivative)
