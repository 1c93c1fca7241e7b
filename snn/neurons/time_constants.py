"""Time constants that differ from neuron to neuron.

Perez-Nieves, Leung, Dragotti & Goodman 2021, Nat. Commun. 12:5791: spiking networks whose neurons
have different time constants, drawn at the start or learned too, do better on temporal tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from snn.errors import ConfigError

TauDistribution = Literal["log_uniform", "log_normal", "normal", "gamma"]

# No time constant leaves this range around the given one: the tails of a distribution would make
# neurons that never decay, or decay at once.
LARGEST_FACTOR = 16.0


def _gamma(spread: float, units: int) -> Tensor:
    shape = torch.full((units,), spread**-2, dtype=torch.float64)
    return torch.distributions.Gamma(shape, shape).sample()


# name -> factors on the time constant, [unit], from (spread, units). One more is one line.
DISTRIBUTIONS: dict[str, Callable[[float, int], Tensor]] = {
    # spread in octaves: 2^U(-spread, spread)
    "log_uniform": lambda s, n: 2 ** (s * (2 * torch.rand(n, dtype=torch.float64) - 1)),
    # spread in octaves: 2^N(0, spread^2)
    "log_normal": lambda s, n: 2 ** (s * torch.randn(n, dtype=torch.float64)),
    # mean 1, standard deviation spread
    "normal": lambda s, n: 1 + s * torch.randn(n, dtype=torch.float64),
    # the same, never negative; the one that Perez-Nieves et al. draw from
    "gamma": _gamma,
}
assert set(DISTRIBUTIONS) == set(get_args(TauDistribution))


def spread_decay(
    decay: float, spread: float, units: int, distribution: TauDistribution = "log_uniform"
) -> Tensor:
    """Decays per step of neurons whose time constants are drawn around a common one.

    With ``decay = exp(-dt / tau)``, a neuron's is ``exp(-dt / (f tau)) = decay ** (1 / f)``, and f
    is drawn by torch's global generator.

    Args:
        decay: of the common time constant.
        spread: how different they are, see :data:`DISTRIBUTIONS`.
        units: number of neurons.
        distribution: of the factors f, which are cut at 16 and 1/16.

    Returns:
        Decays ``[unit]``, float64.

    Raises:
        ConfigError: the distribution is unknown.
    """
    if distribution not in DISTRIBUTIONS:
        raise ConfigError("tau_distribution", distribution, f"one of {', '.join(DISTRIBUTIONS)}")
    factor = DISTRIBUTIONS[distribution](spread, units)
    return decay ** (1 / factor.clamp(1 / LARGEST_FACTOR, LARGEST_FACTOR))
