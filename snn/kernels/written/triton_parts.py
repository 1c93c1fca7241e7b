"""What the two halves of a neuron in Triton share: how many steps are taken at once, and text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from snn.kernels.written.expressions import Writer, inputs_of, name_of
from snn.neurons.declaration.graph import Node
from snn.neurons.declaration.program import Program

MOST = 2
"""Latency that is made use of; ``products`` takes one step more."""

_CALLS = {
    **{
        op: lambda x, op=op: f"tl.{op}({x})"
        for op in ("exp", "log", "sqrt", "abs", "sigmoid", "cos", "sin")
    },
    "tanh": "(2.0 * tl.sigmoid(2.0 * ({})) - 1.0)".format,
    "max": "tl.maximum({}, {})".format,
    "min": "tl.minimum({}, {})".format,
    "not": "(({}) == 0)".format,
    "where": "tl.where({}, {}, {})".format,
}


@dataclass(frozen=True)
class Shape:
    """How many steps are taken at once.

    A drive of step t changes what is compared ``latency`` steps later, so that as many spikes are
    known before the product with the recurrent weights is; the spikes of one more step follow from
    that product, where spikes take a step to arrive.
    """

    early: int
    count: int
    lag: int
    """Steps that a spike takes to its own layer: 1, or 0 with ``recurrence="current"``."""


def shapes(program: Program) -> dict[str, Shape]:
    """By the endings of the kernels' names."""
    early = min(program.latency, MOST)
    shapes = {"": Shape(early, early + 1, 1)}
    if early:
        shapes["_current"] = Shape(early, early, 0)
    return shapes


def kept_name(n: Node) -> str:
    i, back = n.args[2:]
    return f"kept{i}_{back}"


def _leaf(program: Program):
    rows = program.names

    def leaf(n: Node) -> str:
        if n.op == "const":
            return _number(n.args[0])
        if n.op == "first":
            return f"(t == {n.args[0]})"
        if n.args[0] == "kept":
            return kept_name(n)
        return name_of(n, rows)

    return leaf


def writer_of(program: Program) -> Writer:
    """A writer of Triton."""

    def assign(name: str, text: str, is_condition: bool) -> str:
        return f"{name} = {text}"

    return Writer(_leaf(program), _CALLS, assign, constant=_argument)


def _argument(value: float) -> str:
    """A constant as an argument of a function, which Triton would round to float32."""
    return f"tl.full((), {_number(value)}, dtype)"


def _number(value: float) -> str:
    return f"float('{value}')" if math.isinf(value) else repr(value)


def indented(lines: Iterable[str], depth: int) -> str:
    """Lines to be put into a text that is indented there already."""
    return textwrap.indent("\n".join(lines), " " * depth).lstrip()


def load_rows(program: Program, roots: Iterable[Node]) -> list[str]:
    """Those that expressions depend on."""
    leaf = _leaf(program)
    return [
        f"{leaf(n)} = tl.load(rows + {n.args[1][3:]} * units + n, mask=n < units, other=0.0)"
        "[None, :]"
        for n in inputs_of(roots, "row")
    ]


def initial_states(program: Program) -> list[str]:
    """Every state before the first step."""
    return [
        f"initial_{name} = tl.load(constants + {2 + i}) + zero"
        for i, name in enumerate(program.after)
    ]


def input_node(kind: str, name: str) -> Node:
    """Something that is known under this name."""
    return Node("input", kind, name)


def after(k: int) -> str:
    """The k-th step after this one."""
    return f"(t + {k})" if k else "t"


def before(k: int) -> str:
    """The k-th step before this one."""
    return f"(t - {k})" if k else "t"


def place_after(k: int) -> str:
    """From the place of a step to that of the k-th after it."""
    return f" + {k} * step" if k else ""


def if_after(k: int) -> str:
    """Whether the sequence has a k-th step after this one."""
    return f" & (t + {k} < steps)" if k else ""


def place_before(k: int) -> str:
    """From the place of a step to that of the k-th before it."""
    return f" - {k} * step" if k else ""


def if_before(k: int) -> str:
    """Whether there is a k-th step before this one."""
    return f" & (t >= {k})" if k else ""


PLACE = """\
    if TOGETHER:  # each tensor has an axis of models before its own, and the grid a second one
        model = tl.program_id(1).to(tl.int64)
        matrix += model * width * width
        rows += model * rows_m
        constants += model * constants_m
        mask += model * mask_m
        taps += model * taps_m
        {of_model}
    dtype = {dtype}.dtype.element_ty
    b = tl.program_id(0) * BLOCK_B + tl.arange(0, BLOCK_B)
    n = tl.arange(0, BLOCK_N)
    real = (n < units)[None, :]
    inside = (b < batch)[:, None] & real
    padded = (b < batch)[:, None] & (n < width)[None, :]
    threshold = tl.load(constants)
    here = b[:, None].to(tl.int64) * width + n[None, :]
    step = tl.cast(batch, tl.int64) * width
    value = step * steps
    mask_at = b[:, None].to(tl.int64) * mask_b + n[None, :]
    mask_step = tl.cast(mask_t, tl.int64)
    zero = tl.zeros((BLOCK_B, BLOCK_N), dtype)
    resident = zero
    if PRODUCT == "resident":
        resident = load_matrix(matrix, tl.arange(0, BLOCK_K), n, width, pitch)
"""
