"""What a neuron is: states, parameters and one step, from which everything else follows.

A neuron is a frozen dataclass derived from :class:`Neuron`. Its class attributes name its
:class:`State` and :class:`Parameter` objects, its fields are options that decide what the step
computes, and :meth:`Neuron.step` is the equation, for a single neuron and a single step. The same
method runs on tensors, as the reference, and is traced for the kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

from snn.errors import SnnError

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
        return f"{self.file}: neuron {type(self).__name__}"

    @property
    def file(self) -> str:
        """Where its step is written."""
        return type(self).step.__code__.co_filename
