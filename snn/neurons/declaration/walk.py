"""What is asked of whole expressions: their parts in order, their inputs, others in their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from snn.neurons.declaration.graph import Node, add, div, mul, neg, sub, where


def ordered(roots: Iterable[Node]) -> list[Node]:
    """All nodes that the roots are made of, operands first."""
    found: dict[Node, None] = {}

    def visit(n: Node) -> None:
        if n not in found:
            for operand in n.operands:
                visit(operand)
            found[n] = None

    for root in roots:
        visit(root)
    return list(found)


def fingerprint(roots: Iterable[Node]) -> str:
    """A text that differs wherever the expressions do; each shared one stands in it once."""
    roots = list(roots)
    place = {n: i for i, n in enumerate(ordered(roots))}
    lines = [
        " ".join([n.op, *(str(place[a]) if isinstance(a, Node) else repr(a) for a in n.args)])
        for n in place
    ]
    return "\n".join([*lines, "roots " + " ".join(str(place[r]) for r in roots)])


def inputs(*roots: Node) -> set[Node]:
    """The inputs that the roots depend on."""
    return {n for n in ordered(roots) if n.op == "input"}


def rebuilt(op: str, args: Iterable[Node]) -> Node:
    """An operation on other operands, simplified as when it was written."""
    makers = {"add": add, "sub": sub, "mul": mul, "div": div, "neg": neg, "where": where}
    return makers[op](*args) if op in makers else Node(op, *args)


def substitute(roots: Iterable[Node], by: Mapping[Node, Node]) -> list[Node]:
    """The roots with some of their nodes replaced."""
    roots = list(roots)
    done: dict[Node, Node] = dict(by)

    def visit(n: Node) -> Node:
        if n not in done:
            done[n] = rebuilt(n.op, map(visit, n.operands)) if n.operands else n
        return done[n]

    return [visit(root) for root in roots]
