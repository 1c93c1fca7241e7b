"""A neuron's step as expressions: it is called once, with symbols in the place of tensors."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from snn.neurons.declaration.check import check_declaration
from snn.neurons.declaration.graph import Node, TraceError
from snn.neurons.declaration.neuron import DeclarationError, Neuron, Values
from snn.neurons.declaration.symbol import Symbol, as_node
from snn.neurons.declaration.walk import inputs


@dataclass(frozen=True)
class StepGraph:
    """A neuron's step as expressions.

    Attributes:
        compared: what exceeds the threshold when the neuron spikes.
        after: the next value of each state, which may depend on :attr:`spike`.
    """

    compared: Node
    after: dict[str, Node]

    drive: ClassVar[Node] = Node("input", "drive", "h")
    spike: ClassVar[Node] = Node("input", "spike", "z")
    threshold: ClassVar[Node] = Node("input", "threshold", "threshold")

    @staticmethod
    def state(name: str) -> Node:
        return Node("input", "state", name)

    @staticmethod
    def parameter(name: str) -> Node:
        return Node("input", "parameter", name)


def trace(neuron: Neuron) -> StepGraph:
    """The neuron's step as expressions.

    Raises:
        DeclarationError: it cannot be traced; the message names file, neuron and line.
    """
    check_declaration(neuron)
    states = {name: Symbol(StepGraph.state(name)) for name in neuron.states}
    parameters = {name: Symbol(StepGraph.parameter(name)) for name in neuron.parameters}
    p = Values(**parameters, threshold=Symbol(StepGraph.threshold))
    with _explained(neuron):
        stepped = neuron.step(Values(**states), Symbol(StepGraph.drive), p)
        if not isinstance(stepped, tuple) or len(stepped) != 2 or not callable(stepped[1]):
            raise TraceError("step() must return what is compared, and a function of the spike")
        compared = as_node(stepped[0])
        after = stepped[1](Symbol(StepGraph.spike))
        if not isinstance(after, Mapping):
            raise TraceError("the function of the spike must return a dictionary of the states")
        missing, extra = set(states) - set(after), set(after) - set(states)
        if missing or extra:
            wrong = [f"'{n}' is missing" for n in sorted(missing)]
            wrong += [f"'{n}' is no State" for n in sorted(extra)]
            raise TraceError(
                f"the function of the spike must return every state and no other: {wrong[0]}"
            )
        graph = StepGraph(compared, {name: as_node(after[name]) for name in states})
        _check_graph(graph)
    return graph


def _check_graph(graph: StepGraph) -> None:
    used = inputs(graph.compared)
    if StepGraph.spike in used:
        raise TraceError("what is compared with the threshold cannot depend on the spike itself")
    if not any(n.args[0] in ("state", "drive") for n in used):
        raise TraceError("what is compared with the threshold depends on no state and no drive")
    for name, value in (("what is compared", graph.compared), *graph.after.items()):
        if value.is_condition:
            raise TraceError(f"'{name}' is a comparison: must be a number")


@contextmanager
def _explained(neuron: Neuron) -> Iterator[None]:
    """Names file, neuron and line of what goes wrong inside of a step."""
    try:
        yield
    except Exception as error:
        file, name = neuron.file, type(neuron).__name__
        said = str(error)
        if isinstance(error, AttributeError) and "Values" in said:
            unknown = said.split("'")[-2]
            known = ", ".join([*neuron.states, *neuron.parameters, "threshold"])
            said = f"'{unknown}' is neither a State nor a Parameter: must be one of {known}"
        elif not isinstance(error, TraceError):
            said = f"{type(error).__name__}: {said}"
        line = next(_lines(error, file), type(neuron).step.__code__.co_firstlineno)
        raise DeclarationError(f"{file}:{line}: neuron {name}: {said}") from error


def _lines(error: Exception, file: str) -> Iterator[int]:
    """Lines of the file in a traceback, the innermost first."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == file:
            yield frame.lineno
