"""What a declared step is called with in the place of tensors, to find out what it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from snn.neurons.declaration.graph import (
    Node,
    TraceError,
    add,
    binary,
    constant,
    div,
    mul,
    neg,
    sub,
    truth,
    unary,
    where,
)

KNOWN = (
    "arithmetic, a comparison, exp, log, sqrt, abs, tanh, sigmoid, cos, sin, relu, square, clamp, "
    "maximum, minimum, where or detach"
)


def as_node(value: Any) -> Node:
    """What a step has computed, as a node.

    Raises:
        TraceError: it is neither a symbol nor a number.
    """
    if isinstance(value, Symbol):
        return value.node
    if isinstance(value, bool | int | float):
        return constant(value)
    raise TraceError(f"a {type(value).__name__} in a step: must be a number, a state or parameter")


def _symbol(make: Callable[..., Node], *values: Any) -> Symbol:
    return Symbol(make(*map(as_node, values)))


def _unary(op: str, x: Any) -> Symbol:
    return Symbol(unary(op, as_node(x)))


def _binary(op: str, x: Any, y: Any) -> Symbol:
    return Symbol(binary(op, as_node(x), as_node(y)))


class Symbol:
    """A number per neuron that is not known yet; arithmetic with it makes others.

    Attributes:
        node: what it is made of.
    """

    __slots__ = ("node",)
    __hash__ = None  # type: ignore[assignment]  # == makes another symbol

    def __init__(self, node: Node) -> None:
        self.node = node

    def __repr__(self) -> str:
        return repr(self.node)

    def __add__(self, other: Any) -> Symbol:
        return _symbol(add, self, other)

    def __radd__(self, other: Any) -> Symbol:
        return _symbol(add, other, self)

    def __sub__(self, other: Any) -> Symbol:
        return _symbol(sub, self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return _symbol(sub, other, self)

    def __mul__(self, other: Any) -> Symbol:
        return _symbol(mul, self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return _symbol(mul, other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return _symbol(div, self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return _symbol(div, other, self)

    def __neg__(self) -> Symbol:
        return _symbol(neg, self)

    def __pos__(self) -> Symbol:
        return self

    def __abs__(self) -> Symbol:
        return _unary("abs", self)

    def __pow__(self, power: Any) -> Symbol:
        if not isinstance(power, int) or not 1 <= power <= 8:
            raise TraceError(f"a power of {power!r}: write products, or exp(p * log(x))")
        result = self
        for _ in range(power - 1):
            result = result * self
        return result

    def __gt__(self, other: Any) -> Symbol:
        return _binary("gt", self, other)

    def __ge__(self, other: Any) -> Symbol:
        return _binary("ge", self, other)

    def __lt__(self, other: Any) -> Symbol:
        return _binary("lt", self, other)

    def __le__(self, other: Any) -> Symbol:
        return _binary("le", self, other)

    def __eq__(self, other: Any) -> Symbol:  # type: ignore[override]
        return _binary("eq", self, other)

    def __ne__(self, other: Any) -> Symbol:  # type: ignore[override]
        return ~(self == other)

    def __and__(self, other: Any) -> Symbol:
        return _binary("and", self, other)

    def __or__(self, other: Any) -> Symbol:
        return _binary("or", self, other)

    def __invert__(self) -> Symbol:
        return _unary("not", self)

    def __bool__(self) -> bool:
        raise TraceError(
            "a Python branch (if, and, or, not, min, max) on a value that differs from neuron to "
            "neuron: write torch.where, torch.maximum or torch.minimum"
        )

    def __float__(self) -> float:
        raise TraceError("a number is wanted of a value that differs from neuron to neuron")

    __int__ = __index__ = __float__

    def __len__(self) -> int:
        raise TraceError("a step has no shapes: it is written for a single neuron")

    def __iter__(self) -> Iterator:
        raise TraceError("a step has no shapes: it is written for a single neuron")

    def __getitem__(self, key: Any) -> Symbol:
        raise TraceError("a step has no shapes: it is written for a single neuron")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python asks of any object
            raise AttributeError(name)
        if name not in _METHODS:
            raise TraceError(f"'.{name}' cannot be traced: must be {KNOWN}")
        return lambda *args, **kwargs: _FUNCTIONS[name](self, *args, **kwargs)

    @classmethod
    def __torch_function__(cls, function: Callable, types: Any, args=(), kwargs=None) -> Any:
        """Called by PyTorch in the place of its own function."""
        name = getattr(function, "__name__", str(function)).strip("_")
        ours = _FUNCTIONS.get(name)
        if ours is None:
            raise TraceError(f"'torch.{name}' cannot be traced: must be {KNOWN}")
        return ours(*args, **(kwargs or {}))


def _clamp(x: Any, min: Any = None, max: Any = None) -> Symbol:
    # Not by maximum and minimum, which share the gradient where the two are equal.
    low = x if min is None else _where(x < min, min, x)
    return low if max is None else _where(low > max, max, low)


def _where(condition: Any, x: Any, y: Any) -> Symbol:
    return _symbol(where, condition, x, y)


_FUNCTIONS: dict[str, Callable[..., Symbol]] = {
    **{name: lambda x, y, make=make: _symbol(make, x, y)
       for make, names in ((add, ("add",)), (sub, ("sub", "subtract")), (mul, ("mul", "multiply")),
                           (div, ("div", "divide", "true_divide")))
       for name in names},
    "rsub": lambda x, y: _symbol(sub, y, x),
    "neg": lambda x: -x, "negative": lambda x: -x,
    **{name: lambda x, op=name: _unary(op, x)
       for name in ("exp", "log", "sqrt", "abs", "tanh", "sigmoid", "cos", "sin", "detach")},
    **{name: lambda x, y, op=op: _binary(op, x, y)
       for op, names in {"gt": ("gt", "greater"), "ge": ("ge", "greater_equal"),
                         "lt": ("lt", "less"), "le": ("le", "less_equal"), "eq": ("eq",),
                         "max": ("maximum",), "min": ("minimum",)}.items()
       for name in names},
    "ne": lambda x, y: x != y, "not_equal": lambda x, y: x != y,
    "absolute": lambda x: _unary("abs", x),
    "square": lambda x: x * x,
    "relu": lambda x: _where(x > 0, x, 0.0),
    "clamp": _clamp, "clip": _clamp,
    "clamp_min": lambda x, min: _clamp(x, min=min),
    "clamp_max": lambda x, max: _clamp(x, max=max),
    "where": _where,
    "logical_and": lambda x, y: _symbol(lambda a, b: binary("and", truth(a), truth(b)), x, y),
    "logical_or": lambda x, y: _symbol(lambda a, b: binary("or", truth(a), truth(b)), x, y),
    "logical_not": lambda x: _symbol(lambda a: unary("not", truth(a)), x),
}  # fmt: skip
"""What PyTorch's functions are here, by their names."""
_METHODS = frozenset(_FUNCTIONS) - {"rsub", "where"}
"""Those that tensors have as methods too."""
