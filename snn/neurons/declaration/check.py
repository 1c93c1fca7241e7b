"""Whether a neuron is declared as it must be, and has options that its fields allow."""

from __future__ import annotations

import math
import numbers
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from snn.neurons.declaration.neuron import DeclarationError, Keep, Learn, Neuron, Parameter


def check_declaration(neuron: Neuron) -> None:
    """Whether states, parameters and options are what they must be.

    Raises:
        DeclarationError: one is not; the message names file, neuron and what is expected.
    """
    _check_options(neuron)
    for name in (*neuron.states, *neuron.parameters):
        if name in ("threshold", "spike", "drive", "bias") or name.startswith("_"):
            raise DeclarationError(f"{neuron.place}: '{name}' is taken: choose another name")
    if not neuron.states:
        raise DeclarationError(f"{neuron.place}: it has no State")
    for name, state in neuron.states.items():
        if not isinstance(state.initial, int | float) or state.initial != state.initial:
            raise DeclarationError(
                f"{neuron.place}: State '{name}' starts at {state.initial!r}: must be a number"
            )
    for name, parameter in neuron.parameters.items():
        _check_parameter(f"{neuron.place}: Parameter '{name}'", parameter)


def _check_parameter(place: str, p: Parameter) -> None:
    ends = p.initial if isinstance(p.initial, tuple) else (p.initial,)
    if len(ends) > 2 or not all(isinstance(v, int | float) and abs(v) < 1e300 for v in ends):
        raise DeclarationError(f"{place} starts at {p.initial!r}: must be a number or (low, high)")
    if not p.low < p.high:
        raise DeclarationError(f"{place}: low={p.low} must be below high={p.high}")
    if not all(p.low <= v <= p.high for v in ends) or tuple(sorted(ends)) != tuple(ends):
        raise DeclarationError(
            f"{place} starts at {p.initial!r}: must lie between {p.low} and {p.high}"
        )
    if p.is_time_constant and (ends[0] <= 0 or p.low < 0):
        raise DeclarationError(
            f"{place} is a time constant: must start above 0 ms, with low=0.0 or more"
        )
    bounded = p.is_time_constant or (abs(p.low) < 1e300 and abs(p.high) < 1e300)
    if p.keep == "logit" and not bounded:
        raise DeclarationError(f"{place}: keep='logit' needs both low and high")
    if p.learn not in get_args(Learn) or p.keep not in get_args(Keep):
        raise DeclarationError(f"{place}: learn={p.learn!r}, keep={p.keep!r} is not known")
    if isinstance(p.initial, tuple) and p.learn == "layer":
        raise DeclarationError(f"{place}: learn='layer' needs one number to start at")


def _check_options(neuron: Neuron) -> None:
    """Fields of plain types, against their annotations; others are the neuron's own business.

    Without pydantic (:mod:`snn.checks`): kernels are written where the package is being built.
    """
    try:
        hints = get_type_hints(type(neuron))
    except NameError:  # an annotation of what is imported for type checkers alone
        return
    for field in fields(neuron):
        value = getattr(neuron, field.name)
        if wrong := _wrong(value, hints[field.name]):
            raise DeclarationError(f"{neuron.place}: {field.name}={value!r}: must be {wrong}")


def _wrong(value: Any, hint: Any) -> str | None:
    """What a value should be; None if it is."""
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        known = any(type(value) is type(c) and value == c for c in choices)
        return None if known else f"one of {', '.join(map(str, choices))}"
    is_bool = isinstance(value, bool)
    if hint is float:
        is_number = isinstance(value, numbers.Real) and not is_bool
        return None if is_number and math.isfinite(value) else "a finite number"
    if hint is int:
        return None if isinstance(value, numbers.Integral) and not is_bool else "a whole number"
    if hint is bool:
        return None if is_bool else "true or false"
    return "a text" if hint is str and not isinstance(value, str) else None
