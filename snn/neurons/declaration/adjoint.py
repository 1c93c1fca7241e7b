"""The adjoint of a step: reverse-mode differentiation of its expressions.

With ``g(X)`` the gradient of the loss with respect to X, the adjoint of step t takes ``g`` of the
states after it and of its spike, as the neuron's targets want it, and gives ``g`` of the states
before it, of the drive and of the parameters. Where the spike changes the neuron's own states, it
gets that gradient too; its derivative is the surrogate's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from snn.neurons.declaration.graph import (
    CONDITIONS,
    Node,
    add,
    binary,
    constant,
    div,
    mul,
    neg,
    sub,
    where,
)
from snn.neurons.declaration.walk import inputs, ordered

INCOMING = Node("input", "incoming", "incoming")
"""``g`` of the spike, from everything but the neuron itself."""
SLOPE = Node("input", "slope", "slope")
"""The surrogate derivative."""


def adjoint_of(state: str) -> Node:
    """``g`` of a state after the step."""
    return Node("input", "adjoint", state)


@dataclass(frozen=True)
class Adjoint:
    """Expressions of a step's gradients.

    Attributes:
        states: of each state before the step, by name.
        drive: of the drive.
        wanted: of each of the inputs that were asked for.
    """

    states: dict[str, Node]
    drive: Node
    wanted: dict[Node, Node]


def differentiate(
    compared: Node,
    after: dict[str, Node],
    spike: Node,
    drive: Node,
    wanted: Iterable[Node] = (),
) -> Adjoint:
    """The adjoint of a step.

    Args:
        compared: what exceeds the threshold when the neuron spikes.
        after: the next value of each state.
        spike: the input that stands for the spike in them.
        drive: the input that stands for the drive.
        wanted: other inputs whose gradients are wanted.
    """
    gradients: dict[Node, Node] = {}

    def give(n: Node, g: Node) -> None:
        if n.op != "const" and not n.is_condition:
            gradients[n] = add(gradients[n], g) if n in gradients else g

    for name, value in after.items():
        give(value, adjoint_of(name))
    # The spike follows from what is compared: it comes right after it, or right before it backward.
    first = ordered([compared])
    nodes = [*first, spike, *(n for n in ordered(after.values()) if n not in {*first, spike})]
    for n in reversed(nodes):
        if n is spike:
            own = gradients.get(spike)
            total = INCOMING if own is None else add(INCOMING, own)
            give(compared, mul(SLOPE, total))
        elif (g := gradients.get(n)) is not None:
            for operand, of_operand in _pull_back(n, g):
                give(operand, of_operand)
    zero = constant(0.0)
    return Adjoint(
        {name: gradients.get(Node("input", "state", name), zero) for name in after},
        gradients.get(drive, zero),
        {n: gradients.get(n, zero) for n in wanted},
    )


def _pull_back(n: Node, g: Node) -> list[tuple[Node, Node]]:
    """The gradients of a node's operands from its own."""
    zero = constant(0.0)
    if n.op in CONDITIONS or n.op in ("detach", "input", "const"):
        return []
    x = n.args[0]
    y = n.args[1] if len(n.args) > 1 else None
    match n.op:
        case "add":
            return [(x, g), (y, g)]
        case "sub":
            return [(x, g), (y, neg(g))]
        case "mul":
            return [(x, mul(g, y)), (y, mul(g, x))]
        case "div":
            return [(x, div(g, y)), (y, neg(div(mul(g, n), y)))]
        case "neg":
            return [(x, neg(g))]
        case "exp":
            return [(x, mul(g, n))]
        case "log":
            return [(x, div(g, x))]
        case "sqrt":
            return [(x, div(mul(g, 0.5), n))]
        case "abs":
            below = where(binary("lt", x, 0.0), neg(g), zero)
            return [(x, where(binary("gt", x, 0.0), g, below))]
        case "tanh":
            return [(x, mul(g, sub(1.0, mul(n, n))))]
        case "cos":
            return [(x, neg(mul(g, Node("sin", x))))]
        case "sin":
            return [(x, mul(g, Node("cos", x)))]
        case "sigmoid":
            return [(x, mul(g, mul(n, sub(1.0, n))))]
        case "max" | "min":  # at a tie both get a half, as in PyTorch
            half = where(binary("eq", x, y), mul(g, 0.5), zero)
            above, below = binary("gt", x, y), binary("lt", x, y)
            x_wins, y_wins = (above, below) if n.op == "max" else (below, above)
            return [(x, where(x_wins, g, half)), (y, where(y_wins, g, half))]
        case "where":
            return [(y, where(x, g, zero)), (n.args[2], where(x, zero, g))]
    raise AssertionError(n.op)


def depends(n: Node, on: Iterable[Node]) -> bool:
    """Whether one of these inputs is among those of a node."""
    return not inputs(n).isdisjoint(on)
