"""What a forward pass keeps for the backward pass: as few values per neuron and step as will do."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable

from snn.neurons.declaration.graph import Node
from snn.neurons.declaration.walk import ordered

_Residual = dict[Hashable, dict[Hashable, float]]


def smallest_cut(
    needed: Iterable[Node], is_unknown: Callable[[Node], bool], free: Iterable[Node]
) -> list[Node]:
    """The fewest nodes from which all that is needed can be computed.

    A smallest vertex cut between the inputs that will not be known and the nodes that are needed:
    the one next to the inputs. Comparisons are never kept, they are no numbers.

    Args:
        needed: nodes whose values are wanted.
        is_unknown: says of an input whether it is unknown then, as states and drive are.
        free: nodes whose values are known anyway.
    """
    free = set(free)
    nodes: dict[Node, None] = {}

    def visit(n: Node) -> None:
        if n not in nodes and n not in free:
            nodes[n] = None
            for operand in n.operands:
                visit(operand)

    residual: _Residual = defaultdict(lambda: defaultdict(float))
    for n in needed:
        visit(n)
        if n not in free:
            residual[n, "out"]["end"] = math.inf
    for n in nodes:
        residual[n, "in"][n, "out"] = math.inf if n.is_condition else 1.0
        if n.op == "input" and is_unknown(n):
            residual["start"][n, "in"] = math.inf
        for operand in n.operands:
            if operand in nodes:
                residual[operand, "out"][n, "in"] = math.inf
    reached = _saturate(residual)
    return [n for n in ordered(nodes) if (n, "in") in reached and (n, "out") not in reached]


def _saturate(residual: _Residual) -> set[Hashable]:
    """Send as much as possible from start to end (Edmonds & Karp); what start still reaches."""
    while True:
        before: dict[Hashable, Hashable] = {"start": "start"}
        queue: list[Hashable] = ["start"]
        for here in queue:
            for there, capacity in list(residual[here].items()):
                if capacity > 0 and there not in before:
                    before[there] = here
                    queue.append(there)
        if "end" not in before:
            return set(before)
        here = "end"
        path = []
        while here != "start":
            path.append((before[here], here))
            here = before[here]
        amount = min(residual[a][b] for a, b in path)
        for a, b in path:
            residual[a][b] -= amount
            residual[b][a] += amount
