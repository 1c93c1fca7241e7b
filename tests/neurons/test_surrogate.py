"""Forward: a step. Backward: the tabled derivative, with the slope of the call."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn.errors import ConfigError
from snn.neurons.surrogate import SURROGATES, spike

# derivative at x = 0.5 with scale 2, worked out by hand
AT_HALF = {
    "fast_sigmoid": 0.25,
    "boxcar": 0.0,
    "atan": 1.0 / (1.0 + (math.pi / 2) ** 2),
    "triangular": 0.0,
    "exponential": math.exp(-1.0),
    "sigmoid": 4 * math.e / (1 + math.e) ** 2,
    "gaussian": math.exp(-1.0),
}


def gradient(x: float, scale: float, surrogate: str) -> float:
    t = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    spike(t, scale, surrogate).backward()
    return t.grad.item()


def test_forward_is_a_step_that_excludes_zero() -> None:
    x = torch.tensor([-1.0, 0.0, 1e-6, 2.0])
    assert spike(x).tolist() == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize("name", SURROGATES)
def test_derivative_by_hand(name: str) -> None:
    assert gradient(0.5, 2.0, name) == pytest.approx(AT_HALF[name], rel=1e-12)
    assert gradient(0.0, 2.0, name) == 1.0


@pytest.mark.parametrize("name", SURROGATES)
@given(x=st.floats(-10, 10), scale=st.floats(0.1, 200))
def test_derivative_is_even_bounded_and_falls(name: str, x: float, scale: float) -> None:
    d = gradient(x, scale, name)
    assert 0.0 <= d <= 1.0 + 1e-15
    assert d == gradient(-x, scale, name)
    assert d <= gradient(x / 2, scale, name) + 1e-15


def test_scales_of_two_calls_do_not_meet() -> None:
    a = torch.tensor(0.1, requires_grad=True)
    b = torch.tensor(0.1, requires_grad=True)
    first, second = spike(a, 10.0), spike(b, 100.0)
    (first + second).backward()
    assert a.grad.item() == pytest.approx(0.25)
    assert b.grad.item() == pytest.approx(1 / 121)


def test_unknown_surrogate_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'relu'.*fast_sigmoid"):
        spike(torch.zeros(1), 1.0, "relu")
