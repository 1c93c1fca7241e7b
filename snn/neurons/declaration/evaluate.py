"""Expressions of parameters as tensors, with gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from snn.neurons.declaration.graph import Node
from snn.neurons.declaration.walk import ordered

_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "eq": lambda x, y: x == y,
    **{name: getattr(torch, name) for name in ("exp", "log", "sqrt", "abs", "tanh", "sigmoid")},
    "cos": torch.cos,
    "sin": torch.sin,
    "max": torch.maximum,
    "min": torch.minimum,
    "and": torch.logical_and,
    "or": torch.logical_or,
    "not": torch.logical_not,
    "detach": torch.detach,
    "where": torch.where,
}
_PLAIN = frozenset({"add", "sub", "mul", "div", "neg", "gt", "ge", "lt", "le", "eq"})
"""Operations that Python's own numbers have too."""


def evaluate(
    roots: Iterable[Node], given: Callable[[Node], Tensor | float], like: Tensor
) -> list[Tensor | float]:
    """Values of expressions; of Python's numbers alone where that is possible.

    Args:
        roots: expressions.
        given: the value of an input.
        like: dtype and device where a number has to become a tensor.
    """
    roots = list(roots)
    known: dict[Node, Any] = {}
    for n in ordered(roots):
        if n.op == "input":
            known[n] = given(n)
        elif n.op == "const":
            known[n] = n.args[0]
        else:
            values = [known[a] for a in n.operands]
            if n.op not in _PLAIN:
                values = [
                    v if isinstance(v, Tensor) else like.new_tensor(v, dtype=_kind(v, like))
                    for v in values
                ]
            known[n] = _OPERATIONS[n.op](*values)
    return [known[r] for r in roots]


def _kind(value: Any, like: Tensor) -> torch.dtype:
    return torch.bool if isinstance(value, bool) else like.dtype


def rows(
    expressions: Iterable[Node], given: Mapping[str, Tensor | float], units: int, like: Tensor
) -> Tensor:
    """Rows of a program, ``[row, unit]``.

    Args:
        expressions: of the parameters alone.
        given: parameters by name, each one number or ``[unit]``; ``threshold`` too.
        units: number of neurons.
        like: dtype and device.
    """
    values = evaluate(expressions, lambda n: given[n.args[1]], like)
    if not values:
        return like.new_empty(0, units)
    return torch.stack(
        [
            v.to(like.dtype).expand(units) if isinstance(v, Tensor) else _filled(v, units, like)
            for v in values
        ]
    )


def _filled(value: float, units: int, like: Tensor) -> Tensor:
    return torch.full((units,), value, dtype=like.dtype, device=like.device)
