"""Expressions: what a neuron's step computes, as a graph that can be looked at.

Each operation makes a :class:`Node`; equal operations on equal operands are one node, so that
common subexpressions are shared from the beginning, and nodes are equal if they are the same. How a
step comes to make them is up to :mod:`snn.neurons.declaration.symbol`. Nothing here needs PyTorch:
kernels are generated where it may be absent.
"""

from __future__ import annotations

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


def constant(value: float) -> Node:
    if value != value:
        raise TraceError("a constant that is not a number (nan)")
    return Node("const", float(value))


def node(value: Node | float) -> Node:
    """A number as a node too."""
    return value if isinstance(value, Node) else constant(value)


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


def truth(x: Any) -> Node:
    """A node that is a comparison; a number counts as whether it is not 0."""
    x = node(x)
    return x if x.is_condition else unary("not", binary("eq", x, 0.0))


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
