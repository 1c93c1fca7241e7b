"""Neurons by number: operators take integers, and the kernels a table of functions."""

from __future__ import annotations

from snn.kernels.cpu import compiler, library
from snn.kernels.written import cpp
from snn.neurons.declaration import Neuron, shipped
from snn.neurons.declaration.program import Program, program

_known: dict[int, Program] = {}
_tables: dict[tuple[int, int, str], int] = {}
_obstacles: dict[tuple[int, str], str | None] = {}
_all_shipped: list[bool] = []


def number(made: Program) -> int:
    """The number of a program: the same in every process, as its content decides."""
    value = int(made.digest[:15], 16)
    _known[value] = made
    return value


def numbered(value: int) -> Program | None:
    """The program with a number, if this process knows it."""
    if value not in _known and not _all_shipped:
        _all_shipped.append(True)
        for made in shipped.programs():
            number(made)
    return _known.get(value)


def obstacle(neuron: Neuron, bias: bool) -> str | None:
    """Why there are no compiled functions of a neuron here, found out once; None if there are."""
    place = number(program(neuron, bias)), library.loaded().name
    if place not in _obstacles:
        try:
            table(place[0], 4)
        except compiler.CompilerError as error:
            _obstacles[place] = str(error)
        else:
            _obstacles[place] = None
    return _obstacles[place]


def table(value: int, item_bytes: int) -> int:
    """Address of a neuron's functions for numbers of so many bytes; compiled if need be.

    Raises:
        CompilerError: they are not among the installed ones, and cannot be compiled here.
    """
    kernels = library.loaded()
    place = value, item_bytes, kernels.name
    if place not in _tables:
        made = _known[value]
        key = cpp.key(made).encode()
        found = kernels.find_neuron(key, item_bytes)
        _tables[place] = found or compiler.library(made, kernels).snn_neuron(key, item_bytes)
    return _tables[place]
