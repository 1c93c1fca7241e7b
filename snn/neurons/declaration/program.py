"""From a neuron to what its kernels compute: rows of numbers, forward step, adjoint step.

What depends on parameters alone is computed once per call, outside of the time loop: each such
expression is a *row*, one number per neuron. The rest is the step proper.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from snn.neurons.declaration.adjoint import INCOMING, SLOPE, adjoint_of, depends, differentiate
from snn.neurons.declaration.cut import smallest_cut
from snn.neurons.declaration.graph import Node, add, binary, where
from snn.neurons.declaration.neuron import DeclarationError, Neuron
from snn.neurons.declaration.trace import StepGraph, trace
from snn.neurons.declaration.walk import fingerprint, inputs, substitute

BIAS = StepGraph.parameter("bias")
"""Of the drive; a parameter of the layer that every neuron may have."""

Want = Literal["weights", "rows"]
"""What a backward pass is for: gradients of weights and drive, or those of the rows too."""


_LATER = Node("input", "later", "later")
"""What an earlier step's spike wants, which is not known yet."""


def row(i: int) -> Node:
    return Node("input", "row", f"row{i}")


def kept(i: int, back: int = 0) -> Node:
    """What a forward pass kept ``back`` steps before the one that is meant."""
    return Node("input", "kept", f"kept{i}" + f"_{back}" * bool(back), i, back)


def initial(state: str) -> Node:
    """A state before the first step."""
    return Node("input", "initial", state)


def first(back: int = 0) -> Node:
    """Whether the step ``back`` steps before the one that is meant is the first."""
    return Node("first", back)


@dataclass(frozen=True)
class Backward:
    """The adjoint of a step on what a forward pass kept.

    Attributes:
        keep: forward expressions that are kept; the first is what is compared.
        states: gradient of each state before the step.
        drive: gradient of the drive of step ``t - ahead``.
        rows: gradient of each row, none if they are not wanted.
        ahead: how many steps earlier than the adjoint's own step the drive's gradient is known.
    """

    keep: tuple[Node, ...]
    states: dict[str, Node]
    drive: Node
    rows: dict[int, Node]
    ahead: int


@dataclass(frozen=True)
class Program:
    """A neuron's step, ready to be written out.

    Attributes:
        neuron: the declaration.
        bias: whether the drive has a bias.
        rows: expressions of the parameters alone, one number per neuron each.
        compared: what is compared with the threshold, on rows.
        after: next values of the states, on rows.
    """

    neuron: Neuron
    bias: bool
    rows: tuple[Node, ...]
    compared: Node
    after: dict[str, Node]

    @cached_property
    def latency(self) -> int:
        """Steps from the drive to the spike that it can cause; 0: it acts in its own step."""
        reached: set[Node] = {StepGraph.drive}
        for steps in range(len(self.after) + 1):
            if depends(self.compared, reached):
                return steps
            reached = {StepGraph.state(n) for n, v in self.after.items() if depends(v, reached)}
        raise DeclarationError(f"{self.neuron.place}: the drive never reaches what is compared")

    @cached_property
    def digest(self) -> str:
        """Differs wherever what is computed does."""
        text = fingerprint([*self.rows, self.compared, *self.after.values()])
        return hashlib.sha256(f"{text}\n{list(self.after)}".encode()).hexdigest()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each row is, for people and for names in generated code."""
        names = [_named(r) for r in self.rows]
        return tuple(
            name if len(name) < 40 and names.count(name) == 1 else f"row{i}"
            for i, name in enumerate(names)
        )

    @cached_property
    def _backwards(self) -> dict[tuple[Want, int], Backward]:
        return {(w, n): self._backward(w, n) for w in ("weights", "rows") for n in (0, 2)}

    def backward(self, want: Want, most_ahead: Literal[0, 2] = 2) -> Backward:
        """The adjoint, with the gradients that are wanted.

        Args:
            want: see :data:`Want`.
            most_ahead: how many steps ahead the gradient of the drive is computed at most.
        """
        return self._backwards[want, most_ahead]

    def _backward(self, want: Want, most_ahead: int) -> Backward:
        wanted = [row(i) for i in range(len(self.rows))] if want == "rows" else []
        found = differentiate(self.compared, self.after, StepGraph.spike, StepGraph.drive, wanted)
        names, outputs = list(found.states), [*found.states.values(), found.drive]
        outputs += [found.wanted[w] for w in wanted]
        keep, (*of_states, drive), of_rows = self._kept(outputs, len(wanted))
        states = dict(zip(names, of_states, strict=True))
        ahead = min(self.latency, most_ahead)
        early, of_drive = states, drive
        for k in range(1, ahead + 1):
            # The step before: its states' gradients are those that this one hands on.
            by = {adjoint_of(n): g for n, g in early.items()}
            by |= {kept(i): kept(i, k) for i in range(len(keep))}
            by |= {kept(0, 1): kept(0, k + 1), first(): first(k)}
            by |= {INCOMING: _LATER, SLOPE: _LATER}
            of_drive = substitute([drive], by)[0]
            early = dict(zip(names, substitute(states.values(), by), strict=True))
        assert not depends(of_drive, {_LATER}), "the latency is wrong"
        return Backward(keep, states, of_drive, dict(enumerate(of_rows)), ahead)

    def _kept(
        self, outputs: list[Node], nb_rows: int
    ) -> tuple[tuple[Node, ...], list[Node], list[Node]]:
        """What to keep, and the outputs on it: those of states and drive, those of rows."""
        backward = {INCOMING, SLOPE, *(adjoint_of(n) for n in self.after)}
        needed: dict[Node, None] = {}
        seen: set[Node] = set()

        def visit(n: Node) -> None:
            if n in seen:
                return
            seen.add(n)
            if not depends(n, backward):
                needed[n] = None
                return
            for operand in n.operands:
                visit(operand)

        for output in outputs:
            visit(output)
        unknown = [n for n in needed if not is_static(n)]
        free = {self.compared, StepGraph.spike}
        cut = smallest_cut(unknown, lambda n: n.args[0] in ("state", "drive"), free)
        recomputed = {n: again for n in cut if (again := self._from_step_before(n)) is not None}
        keep = (self.compared, *(n for n in cut if n not in recomputed))
        by = {n: kept(i) for i, n in enumerate(keep)} | recomputed
        by[StepGraph.spike] = _fired(kept(0))
        replaced = substitute(outputs, by)
        split = len(replaced) - nb_rows
        return keep, replaced[:split], replaced[split:]

    def _from_step_before(self, n: Node) -> Node | None:
        """A state as it follows from what was compared in the step before, if it does."""
        if n.op != "input" or n.args[0] != "state":
            return None
        by = {self.compared: kept(0, 1), StepGraph.spike: _fired(kept(0, 1))}
        (again,) = substitute([self.after[n.args[1]]], by)
        if any(i.args[0] in ("state", "drive") for i in inputs(again)):
            return None
        return where(first(), initial(n.args[1]), again)


def _fired(compared: Node) -> Node:
    return where(binary("gt", compared, StepGraph.threshold), 1.0, 0.0)


def is_static(n: Node) -> bool:
    """Whether an expression is the same in every step."""
    return all(i.args[0] in ("parameter", "row", "threshold") for i in inputs(n))


_programs: dict[tuple[Neuron, bool], Program] = {}


def program(neuron: Neuron, bias: bool = False) -> Program:
    """What the kernels of a neuron compute; found out once.

    Raises:
        DeclarationError: the neuron cannot be traced.
    """
    if (neuron, bias) not in _programs:
        _programs[neuron, bias] = _program(neuron, bias)
    return _programs[neuron, bias]


def _program(neuron: Neuron, bias: bool) -> Program:
    graph = trace(neuron)
    roots = [graph.compared, *graph.after.values()]
    if bias:
        roots = substitute(roots, {StepGraph.drive: add(StepGraph.drive, BIAS)})
    rows = _static_parts(roots)
    roots = substitute(roots, {r: row(i) for i, r in enumerate(rows)})
    after = dict(zip(graph.after, roots[1:], strict=True))
    made = Program(neuron, bias, tuple(rows), roots[0], after)
    _ = made.latency  # refuses a drive without effect
    return made


def _static_parts(roots: Iterable[Node]) -> list[Node]:
    """The largest expressions of parameters alone that the rest is made of."""
    parts: dict[Node, None] = {}
    seen: set[Node] = set()

    def visit(n: Node) -> None:
        if n in seen:
            return
        seen.add(n)
        is_number = not n.is_condition and is_static(n)
        if is_number and any(i.args[0] == "parameter" for i in inputs(n)):
            parts[n] = None
            return
        for operand in n.operands:
            visit(operand)

    for root in roots:
        visit(root)
    return list(parts)


def _named(n: Node) -> str:
    """A name for an expression of parameters."""
    if n.op == "input":
        return n.args[1]
    words = {"add": "plus", "sub": "minus", "mul": "times", "div": "over", "neg": "minus"}
    if n.op == "const":
        return (
            repr(n.args[0]).replace(".0", "").replace(".", "p").replace("-", "m").replace("+", "")
        )
    names = [_named(a) for a in n.args]
    if sum(map(len, names)) > 60:
        return "long" * 20
    if len(names) == 2 and n.op in words:
        return f"{names[0]}_{words[n.op]}_{names[1]}"
    return "_".join([words.get(n.op, n.op), *names])
