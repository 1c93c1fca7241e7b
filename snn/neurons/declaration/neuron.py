"""What a neuron is: states, parameters and one step, from which everything else follows.

A neuron is a frozen dataclass derived from :class:`Neuron`. Its class attributes name its
:class:`State` and :class:`Parameter` objects, its fields are options that decide what the step
computes, and :meth:`Neuron.step` is the equation, for a single neuron and a single step. The same
method runs on tensors, as the reference, and is traced for the kernels.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

from snn.errors import SnnError
from snn.neurons.declaration.graph import Node, TraceError, node
from snn.neurons.declaration.walk import inputs

Keep = Literal["clamp", "logit", "free"]
Learn = Literal["fixed", "layer", "neuron"]


class DeclarationError(SnnError):
    """A neuron that is not declared as it must be; the message names file, neuron and line."""


@dataclass(frozen=True)
class State:
    """A state variable of each neuron.

    Attributes:
        initial: its value in a sequence that starts from rest.
        meaning: for people, e.g. in traces.
    """

    initial: float = 0.0
    meaning: str = ""


@dataclass(frozen=True)
class Parameter:
    """A parameter of each neuron.

    Attributes:
        initial: its value, or the limits of a uniform distribution from which every neuron draws
            one of its own.
        low: smallest value.
        high: largest value.
        learn: whether training changes it: ``fixed``, or learned with one value per ``layer`` or
            per ``neuron``.
        keep: how a learned value stays between low and high: by ``clamp`` after every step of the
            optimizer, or as the ``logit`` of its place between them, of a time constant that of
            its decay per step; ``free`` leaves it alone.
        unit: ``ms`` makes it a time constant, and the step gets the decay per step that belongs to
            it, ``exp(-time step / value)``. Other units are for people.
        meaning: for people.
    """

    initial: float | tuple[float, float]
    low: float = float("-inf")
    high: float = float("inf")
    learn: Learn = "fixed"
    keep: Keep = "clamp"
    unit: str = ""
    meaning: str = ""

    @property
    def is_time_constant(self) -> bool:
        return self.unit == "ms"


class Values(SimpleNamespace):
    """States or parameters by their names."""


After = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Neuron:
    """A kind of neuron. Derived classes are dataclasses too, frozen.

    Attributes:
        threshold: what :meth:`step` hands out first is compared with it.
    """

    threshold: float = 1.0

    states: ClassVar[dict[str, State]] = {}
    """By name, in the order of their declaration."""
    parameters: ClassVar[dict[str, Parameter]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        found = {n: v for base in reversed(cls.__mro__) for n, v in vars(base).items()}
        cls.states = {n: v for n, v in found.items() if isinstance(v, State)}
        cls.parameters = {n: v for n, v in found.items() if isinstance(v, Parameter)}

    def step(self, s: Values, h: Any, p: Values) -> tuple[Any, After]:
        """One step of one neuron.

        Args:
            s: the states, ``s.name``.
            h: the drive: what arrives through all weights in this step, the bias included.
            p: the parameters, ``p.name``, and ``p.threshold``. A time constant is given as its
                decay per step.

        Returns:
            What is compared with the threshold, and a function from the spike, 0 or 1, to the
            next value of every state by its name. Use ``z.detach()`` where a use of the spike is
            to have no gradient.
        """
        raise NotImplementedError

    @property
    def place(self) -> str:
        """File and class, for messages."""
        return f"{_file(type(self))}: neuron {type(self).__name__}"


def _file(cls: type) -> str:
    return cls.step.__code__.co_filename


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
    _check_declaration(neuron)
    states = {name: StepGraph.state(name) for name in neuron.states}
    parameters = {name: StepGraph.parameter(name) for name in neuron.parameters}
    p = Values(**parameters, threshold=StepGraph.threshold)
    with _explained(neuron):
        stepped = neuron.step(Values(**states), StepGraph.drive, p)
        if not isinstance(stepped, tuple) or len(stepped) != 2 or not callable(stepped[1]):
            raise TraceError("step() must return what is compared, and a function of the spike")
        compared = node(stepped[0])
        after = stepped[1](StepGraph.spike)
        if not isinstance(after, Mapping):
            raise TraceError("the function of the spike must return a dictionary of the states")
        missing, extra = set(states) - set(after), set(after) - set(states)
        if missing or extra:
            wrong = [f"'{n}' is missing" for n in sorted(missing)]
            wrong += [f"'{n}' is no State" for n in sorted(extra)]
            raise TraceError(
                f"the function of the spike must return every state and no other: {wrong[0]}"
            )
        graph = StepGraph(compared, {name: node(after[name]) for name in states})
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


def _check_declaration(neuron: Neuron) -> None:
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
        raise DeclarationError(f"{place} is a time constant: must be above 0 ms")
    bounded = p.is_time_constant or (abs(p.low) < 1e300 and abs(p.high) < 1e300)
    if p.keep == "logit" and not bounded:
        raise DeclarationError(f"{place}: keep='logit' needs both low and high")
    if p.learn not in ("fixed", "layer", "neuron") or p.keep not in ("clamp", "logit", "free"):
        raise DeclarationError(f"{place}: learn={p.learn!r}, keep={p.keep!r} is not known")
    if isinstance(p.initial, tuple) and p.learn == "layer":
        raise DeclarationError(f"{place}: learn='layer' needs one number to start at")


@contextmanager
def _explained(neuron: Neuron) -> Iterator[None]:
    """Names file, neuron and line of what goes wrong inside of a step."""
    try:
        yield
    except Exception as error:
        file, name = _file(type(neuron)), type(neuron).__name__
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
