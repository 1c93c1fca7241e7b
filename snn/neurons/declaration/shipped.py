"""The neurons that come with this package, with all their options."""

from __future__ import annotations

import itertools
import typing
from collections.abc import Iterator
from dataclasses import fields

from snn.neurons.cuba_lif import CubaLIF
from snn.neurons.declaration.neuron import Neuron
from snn.neurons.declaration.program import Program, program
from snn.neurons.membrane_lif import LIF
from snn.neurons.radlif import RadLIF
from snn.neurons.se_adlif import SEAdLIF

SHIPPED: tuple[type[Neuron], ...] = (CubaLIF, LIF, SEAdLIF, RadLIF)


def variants(neuron: type[Neuron]) -> Iterator[Neuron]:
    """A kind of neuron with every combination of its options that are choices."""
    hints = typing.get_type_hints(neuron)
    choices = {}
    for field in fields(neuron):
        hint = hints[field.name]
        if hint is bool:
            choices[field.name] = False, True
        elif typing.get_origin(hint) is typing.Literal:
            choices[field.name] = typing.get_args(hint)
    for values in itertools.product(*choices.values()):
        yield neuron(**dict(zip(choices, values, strict=True)))


def programs() -> list[Program]:
    """What is compiled when the package is installed; the rest is compiled when it is needed."""
    made = {}
    for kind in SHIPPED:
        for neuron in [*variants(kind), kind()]:
            found = program(neuron)
            made[found.digest] = found
        with_bias = program(kind(), bias=True)
        made[with_bias.digest] = with_bias
    return list(made.values())
