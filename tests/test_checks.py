"""Arguments are checked against their annotations."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from pydantic import Field
from torch import Tensor

from snn.checks import Count, Finite, checked
from snn.errors import ConfigError


@checked(prefix="some.group")
@dataclass(frozen=True)
class Thing:
    real: Finite = 1.0
    any_real: float = 1.0
    whole: Count = 1
    word: Literal["this", "that"] = "this"
    decay: float | Tensor = 0.5
    sizes: int | Sequence[int] = 1
    pair: Annotated[list[float], Field(min_length=2)] | None = None
    yes: bool = True
    other: Thing | None = None


class Layer:
    @checked
    def __init__(self, units: Count, *, fan: Literal["in", "out"] = "in") -> None:
        self.units, self.fan = units, fan


@checked
def run(layers: Sequence[Layer], rate: Annotated[float, Field(ge=0, lt=1)] = 0.0) -> int:
    return len(layers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("real", 1),
        ("real", np.float32(0.5)),
        ("any_real", float("inf")),
        ("whole", np.int64(3)),
        ("word", "that"),
        ("decay", torch.ones(3)),
        ("sizes", (100, 50)),
        ("sizes", OmegaConf.create([100, 50])),
        ("pair", (0.9, 1)),
        ("pair", None),
        ("other", Thing()),
    ],
)
def test_what_is_allowed_goes_through_unchanged(name, value):
    assert getattr(Thing(**{name: value}), name) is value


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("real", "1", "number"),
        ("real", True, "number"),
        ("real", float("nan"), "a finite number"),
        ("whole", 1.0, "integer"),
        ("whole", True, "integer"),
        ("whole", 0, "greater than 0"),
        ("word", "these", "'this' or 'that'"),
        ("decay", "0.5", "number or an instance of Tensor"),
        ("sizes", [1, "2"], "integer"),
        ("sizes", "12", "integer"),
        ("pair", [0.5], "a list of at least 2"),
        ("yes", 1, "boolean"),
        ("other", 3, "an instance of Thing"),
    ],
)
def test_all_else_is_refused_by_name_value_and_what_is_allowed(name, value, allowed):
    for make in (Thing, lambda **given: replace(Thing(), **given)):
        with pytest.raises(ConfigError) as caught:
            make(**{name: value})
        error = caught.value
        assert (error.key, error.value) == (f"some.group.{name}", value)
        assert allowed in error.allowed


def test_constructors_and_functions():
    layer = Layer(3)
    assert (layer.units, layer.fan, run([layer], 0.5)) == (3, "in", 1)
    with pytest.raises(ConfigError, match=r"^fan='both': must be 'in' or 'out'"):
        Layer(3, fan="both")
    with pytest.raises(ConfigError, match=r"^rate=1.0: must be less than 1"):
        run([layer], rate=1.0)
    with pytest.raises(ConfigError, match=r"^layers="):
        run([3])


def test_a_wrong_call_is_the_functions_own_error():
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'breadth'"):
        Layer(3, breadth=2)
    with pytest.raises(TypeError, match="missing"):
        run()


def test_the_signature_stays():
    assert list(inspect.signature(Layer).parameters) == ["units", "fan"]
    assert list(inspect.signature(Thing).parameters)[:2] == ["real", "any_real"]
