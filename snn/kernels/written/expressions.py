"""Expressions as source code: statements for what is used more than once, the rest in one piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from snn.neurons.declaration.graph import Node
from snn.neurons.declaration.walk import ordered

_INFIX = {
    "add": ("+", 4), "sub": ("-", 4), "mul": ("*", 5), "div": ("/", 5),
    "gt": (">", 3), "ge": (">=", 3), "lt": ("<", 3), "le": ("<=", 3), "eq": ("==", 3),
    "and": ("&", 2), "or": ("|", 1),
}  # fmt: skip
_ATOM = 9


class Writer:
    """Writes expressions down, each shared one once.

    Args:
        leaves: the code of an input, a constant or another node without operands.
        calls: the code of an operation that is no infix operator, from that of its operands.
        assign: a statement from a new name and an expression; whether it is a condition.
        constant: the code of a constant in the place of an argument.
    """

    def __init__(
        self,
        leaves: Callable[[Node], str],
        calls: Mapping[str, Callable[..., str]],
        assign: Callable[[str, str, bool], str],
        constant: Callable[[float], str] = repr,
    ) -> None:
        self._leaves, self._calls, self._assign = leaves, calls, assign
        self._constant = constant
        self._known: dict[Node, str] = {}
        self.lines: list[str] = []
        self._taken = 0

    def write(self, named: Mapping[str, Node], prefix: str = "t") -> None:
        """Statements that give each of these expressions its name."""
        roots = dict.fromkeys(named.values())
        uses = Counter(o for n in ordered(roots) for o in n.operands)
        for n in ordered(roots):
            if n.operands and uses[n] > 1 and n not in self._known and n not in roots:
                self._bind(f"{prefix}{self._taken + len(self.lines)}", n)
        for name, n in named.items():
            # a name of its own even for what has one: results are stored by these
            text = self._constant(n.args[0]) if n.op == "const" else self.text(n)[0]
            self.lines.append(self._assign(name, text, n.is_condition))
            if n.operands and n not in self._known:
                self._known[n] = name

    def _bind(self, name: str, n: Node) -> None:
        text, _ = self.text(n)
        self.lines.append(self._assign(name, text, n.is_condition))
        self._known[n] = name

    def text(self, n: Node) -> tuple[str, int]:
        """An expression and how strongly it holds together."""
        if n in self._known:
            return self._known[n], _ATOM
        if not n.operands:
            return self._leaves(n), _ATOM
        if n.op == "detach":
            return self.text(n.args[0])
        if n.op in _INFIX:
            sign, level = _INFIX[n.op]
            left, right = (self.text(a) for a in n.args)
            # a - (b + c): the right side keeps its parentheses, since rounding depends on them
            x = left[0] if left[1] >= level and level > 3 else _closed(left)
            # x & (y > 0): in Python, & and | hold together more than comparisons do
            y = right[0] if right[1] > max(level, 3) else _closed(right)
            return f"{x} {sign} {y}", level
        if n.op == "neg":
            text, level = self.text(n.args[0])
            return (f"-{text}" if level > 6 else f"-({text})"), 6
        given = (self._constant(a.args[0]) if a.op == "const" else self.text(a)[0] for a in n.args)
        return self._calls[n.op](*given), _ATOM

    def take(self) -> list[str]:
        """The statements since the last time; names of what they share go on from there."""
        lines, self.lines = self.lines, []
        self._taken += len(lines)
        return lines

    def copy(self) -> Writer:
        """One that knows what this one has written, and writes somewhere else."""
        other = Writer(self._leaves, self._calls, self._assign, self._constant)
        other._known, other._taken = dict(self._known), self._taken + len(self.lines)
        return other


def _closed(part: tuple[str, int]) -> str:
    return part[0] if part[1] >= _ATOM else f"({part[0]})"


_PREFIXES = {"row": "p_", "state": "s_", "adjoint": "g_", "initial": "initial_"}


def name_of(n: Node, rows: Sequence[str]) -> str:
    """The name of an input in generated code; rows have names of their own."""
    kind, name = n.args[:2]
    return _PREFIXES.get(kind, "") + (rows[int(name[3:])] if kind == "row" else name)


def inputs_of(roots: Iterable[Node], kind: str) -> list[Node]:
    """The inputs of a kind that the roots depend on, in the order of their names."""
    found = {n for n in ordered(roots) if n.op == "input" and n.args[0] == kind}
    return sorted(found, key=lambda n: n.args[1:])
