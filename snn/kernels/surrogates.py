"""Surrogate derivatives that are written out in the compiled kernels."""

from __future__ import annotations

from collections.abc import Iterable

COMPILED = ("fast_sigmoid", "boxcar", "atan", "triangular", "exponential", "sigmoid", "gaussian")
"""In the order of ``Surrogate`` in snn/kernels/cpu/cpp/surrogate.hpp. Not that of
:data:`snn.neurons.surrogate.SURROGATES`, which may have more, anywhere."""

_POSITION = {name: i for i, name in enumerate(COMPILED)}


def obstacle(names: Iterable[str]) -> str | None:
    """Why the kernels have no gradient of spikes with these surrogates; None if they have."""
    for name in names:
        if name not in _POSITION:
            return f"the kernels do not know the surrogate {name}"
    return None


def position(name: str) -> int:
    """The number by which the CPU kernels know a surrogate.

    Raises:
        ValueError: they do not know it.
    """
    require(name)
    return _POSITION[name]


def require(name: str) -> None:
    """Refuse a surrogate without a kernel.

    Raises:
        ValueError: it is one.
    """
    if reason := obstacle([name]):
        raise ValueError(f"{reason}: take the reference")
