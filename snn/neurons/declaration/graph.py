"""Expressions: what a neuron's step computes, as a graph that can be looked at.

A declared step is called once with :class:`Node` objects in the place of tensors. Each operation
makes a node; equal operations on equal operands are one node, so that common subexpressions are
shared from the beginning. Nothing here needs PyTorch: kernels are generated where it may be absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

ARITY = {
    "add": 2, "sub": 2, "mul": 2, "div": 2, "neg": 1,
    "exp": 1, "log": 1, "sqrt": 1, "abs": 1, "tanh": 1, "sigmoid": 1, "cos": 1, "sin": 1,
    "max": 2, "min": 2, "detach": 1,
    "gt": 2, "ge": 2, "lt": 2, "le": 2, "eq": 2, "and": 2, "or": 2, "not": 1, "where": 3,
}  # fmt: skip
"""Operations and their numbers of operands."""

CONDITIONS = frozenset({"gt", "ge", "lt", "le", "eq", "and", "or", "not", "first"})
"""True or false instead of a number; ``first``: a step is the first of the sequence."""


class TraceError(Exception):
    """A step does what cannot be traced; the message says what and what to write instead."""


class Node:
    """A number per neuron that is not known yet.

    Attributes:
        op: a key of :data:`ARITY`, ``input`` or ``const``.
        args: operands; of an input its kind and name, of a constant its value.
    """

    __slots__ = ("__weakref__", "args", "op")

    op: str
    args: tuple[Any, ...]

    _known: dict[tuple, Node] = {}  # noqa: RUF012

    def __new__(cls, op: str, *args: Any) -> Node:
        key = op, *(id(a) if isinstance(a, Node) else (type(a), a) for a in args)
        node = cls._known.get(key)
        if node is None:
            node = super().__new__(cls)
            node.op, node.args = op, args
            cls._known[key] = node
        return node

    @property
    def is_condition(self) -> bool:
        return self.op in CONDITIONS

    @property
    def operands(self) -> tuple[Node, ...]:
        return self.args if self.op in ARITY else ()

    def __repr__(self) -> str:
        if self.op == "input":
            return self.args[1]
        if self.op == "const":
            return repr(self.args[0])
        return f"{self.op}({', '.join(map(repr, self.args))})"

    # Arithmetic, as of tensors.
    def __add__(self, other: Any) -> Node:
        return add(self, other)

    def __radd__(self, other: Any) -> Node:
        return add(other, self)

    def __sub__(self, other: Any) -> Node:
        return sub(self, other)

    def __rsub__(self, other: Any) -> Node:
        return sub(other, self)

    def __mul__(self, other: Any) -> Node:
        return mul(self, other)

    def __rmul__(self, other: Any) -> Node:
        return mul(other, self)

    def __truediv__(self, other: Any) -> Node:
        return div(self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return div(other, self)

    def __neg__(self) -> Node:
        return neg(self)

    def __pos__(self) -> Node:
        return self

    def __abs__(self) -> Node:
        return unary("abs", self)

    def __pow__(self, power: Any) -> Node:
        if not isinstance(power, int) or not 1 <= power <= 8:
            raise TraceError(f"a power of {power!r}: write products, or exp(p * log(x))")
        result = self
        for _ in range(power - 1):
            result = mul(result, self)
        return result

    def __gt__(self, other: Any) -> Node:
        return binary("gt", self, other)

    def __ge__(self, other: Any) -> Node:
        return binary("ge", self, other)

    def __lt__(self, other: Any) -> Node:
        return binary("lt", self, other)

    def __le__(self, other: Any) -> Node:
        return binary("le", self, other)

    def __and__(self, other: Any) -> Node:
        return binary("and", self, other)

    def __or__(self, other: Any) -> Node:
        return binary("or", self, other)

    def __invert__(self) -> Node:
        return unary("not", self)

    def __eq__(self, other: Any) -> Node:  # type: ignore[override]
        # Sets and dictionaries of nodes go by identity first, and no two have the same hash.
        return binary("eq", self, other)

    def __ne__(self, other: Any) -> Node:  # type: ignore[override]
        return unary("not", binary("eq", self, other))

    __hash__ = object.__hash__

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

    def __getitem__(self, key: Any) -> Node:
        raise TraceError("a step has no shapes: it is written for a single neuron")

    def detach(self) -> Node:
        return unary("detach", self)

    def exp(self) -> Node:
        return unary("exp", self)

    def log(self) -> Node:
        return unary("log", self)

    def sqrt(self) -> Node:
        return unary("sqrt", self)

    def abs(self) -> Node:
        return unary("abs", self)

    def tanh(self) -> Node:
        return unary("tanh", self)

    def cos(self) -> Node:
        return unary("cos", self)

    def sin(self) -> Node:
        return unary("sin", self)

    def sigmoid(self) -> Node:
        return unary("sigmoid", self)

    def square(self) -> Node:
        return mul(self, self)

    def relu(self) -> Node:
        return where(self > 0, self, 0.0)

    def clamp(self, min: Any = None, max: Any = None) -> Node:
        # Not by maximum and minimum, which share the gradient where the two are equal.
        low = self if min is None else where(self < min, min, self)
        return low if max is None else where(low > max, max, low)

    def clamp_min(self, min: Any) -> Node:
        return self.clamp(min=min)

    def clamp_max(self, max: Any) -> Node:
        return self.clamp(max=max)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python asks of any object
            raise AttributeError(name)
        raise TraceError(f"'.{name}' cannot be traced: must be {_KNOWN}")

    @classmethod
    def __torch_function__(cls, function: Callable, types: Any, args=(), kwargs=None) -> Any:
        """Called by PyTorch in the place of its own function."""
        name = getattr(function, "__name__", str(function)).strip("_")
        ours = _FUNCTIONS.get(name)
        if ours is None:
            raise TraceError(f"'torch.{name}' cannot be traced: must be {_KNOWN}")
        return ours(*args, **(kwargs or {}))


_KNOWN = (
    "arithmetic, a comparison, exp, log, sqrt, abs, tanh, sigmoid, cos, sin, relu, square, clamp, "
    "maximum, minimum, where or detach"
)


def constant(value: float) -> Node:
    if value != value:
        raise TraceError("a constant that is not a number (nan)")
    return Node("const", float(value))


def node(value: Any) -> Node:
    """A value as a node.

    Raises:
        TraceError: it is neither a node nor a number.
    """
    if isinstance(value, Node):
        return value
    if isinstance(value, bool | int | float):
        return constant(value)
    raise TraceError(f"a {type(value).__name__} in a step: must be a number, a state or parameter")


def is_constant(x: Node, value: float | None = None) -> bool:
    return x.op == "const" and (value is None or x.args[0] == value)


def _numbers(*values: Any) -> tuple[Node, ...]:
    """Nodes; a condition among them counts as 1 or 0."""
    nodes = map(node, values)
    return tuple(where(n, 1.0, 0.0) if n.is_condition else n for n in nodes)


def _conditions(*values: Any) -> tuple[Node, ...]:
    """Nodes that must be comparisons, as ``&``, ``|`` and ``~`` of tensors want them."""
    nodes = tuple(map(node, values))
    if not all(n.is_condition for n in nodes):
        raise TraceError("'&', '|' and '~' want comparisons, e.g. (x > 0) & (y != 0)")
    return nodes


def _truths(*values: Any) -> tuple[Node, ...]:
    """Nodes; a number among them counts as whether it is not 0."""
    nodes = map(node, values)
    return tuple(n if n.is_condition else n != 0.0 for n in nodes)


def unary(op: str, x: Any) -> Node:
    if op != "not":
        return Node(op, *_numbers(x))
    (x,) = _conditions(x)
    return x.args[0] if x.op == "not" else Node("not", x)


def binary(op: str, x: Any, y: Any) -> Node:
    return Node(op, *(_conditions(x, y) if op in ("and", "or") else _numbers(x, y)))


# Only what is exact, whatever the finite numbers are, is simplified.


def add(x: Any, y: Any) -> Node:
    x, y = _numbers(x, y)
    if is_constant(x) and is_constant(y):
        return constant(x.args[0] + y.args[0])
    if is_constant(x, 0.0):
        return y
    if is_constant(y, 0.0):
        return x
    if y.op == "neg":
        return sub(x, y.args[0])
    if x.op == "neg":
        return sub(y, x.args[0])
    return Node("add", x, y)


def sub(x: Any, y: Any) -> Node:
    x, y = _numbers(x, y)
    if is_constant(x) and is_constant(y):
        return constant(x.args[0] - y.args[0])
    if is_constant(y, 0.0):
        return x
    if is_constant(x, 0.0):
        return neg(y)
    if y.op == "neg":
        return add(x, y.args[0])
    return Node("sub", x, y)


def mul(x: Any, y: Any) -> Node:
    x, y = _numbers(x, y)
    if is_constant(x) and is_constant(y):
        return constant(x.args[0] * y.args[0])
    for one, other in ((x, y), (y, x)):
        if is_constant(one, 1.0):
            return other
        if is_constant(one, -1.0):
            return neg(other)
        if is_constant(one, 0.0):
            return one
        if one.op == "neg":
            return neg(mul(one.args[0], other))
    return Node("mul", x, y)


def div(x: Any, y: Any) -> Node:
    x, y = _numbers(x, y)
    if is_constant(x) and is_constant(y) and y.args[0] != 0.0:
        return constant(x.args[0] / y.args[0])
    return x if is_constant(y, 1.0) else Node("div", x, y)


def neg(x: Any) -> Node:
    (x,) = _numbers(x)
    if is_constant(x):
        return constant(-x.args[0])
    return x.args[0] if x.op == "neg" else Node("neg", x)


def where(condition: Any, x: Any, y: Any) -> Node:
    condition = node(condition)
    if not condition.is_condition:
        raise TraceError("the first argument of torch.where must be a comparison")
    x, y = _numbers(x, y)
    return x if x is y else Node("where", condition, x, y)


def _clamp(x: Any, min: Any = None, max: Any = None) -> Node:
    return node(x).clamp(min, max)


_FUNCTIONS: dict[str, Callable[..., Node]] = {
    "add": add, "sub": sub, "mul": mul, "div": div, "neg": neg, "true_divide": div,
    "subtract": sub, "multiply": mul, "divide": div, "negative": neg,
    "rsub": lambda x, y: sub(y, x),
    **{name: lambda x, op=name: unary(op, x)
       for name in ("exp", "log", "sqrt", "abs", "tanh", "sigmoid", "cos", "sin", "detach")},
    **{name: lambda x, y, op=name: binary(op, x, y) for name in ("gt", "ge", "lt", "le", "eq")},
    "ne": lambda x, y: node(x) != y,
    "greater": lambda x, y: binary("gt", x, y), "greater_equal": lambda x, y: binary("ge", x, y),
    "less": lambda x, y: binary("lt", x, y), "less_equal": lambda x, y: binary("le", x, y),
    "not_equal": lambda x, y: node(x) != y,
    "absolute": lambda x: unary("abs", x),
    "square": lambda x: mul(x, x),
    "relu": lambda x: node(x).relu(),
    "maximum": lambda x, y: binary("max", x, y),
    "minimum": lambda x, y: binary("min", x, y),
    "clamp": _clamp, "clip": _clamp,
    "where": where,
    "logical_and": lambda x, y: binary("and", *_truths(x, y)),
    "logical_or": lambda x, y: binary("or", *_truths(x, y)),
    "logical_not": lambda x: unary("not", *_truths(x)),
}  # fmt: skip
