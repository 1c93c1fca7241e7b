"""A neuron in C++: the functions that ``snn/kernels/cpu/cpp/neuron.hpp`` asks for."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable
from dataclasses import fields

from snn.kernels.written.expressions import Writer, inputs_of, name_of
from snn.neurons.declaration.adjoint import INCOMING, SLOPE
from snn.neurons.declaration.graph import Node
from snn.neurons.declaration.program import Backward, Program, Want
from snn.neurons.declaration.walk import ordered

WANTS: tuple[Want, ...] = ("weights", "rows")

_CALLS = {
    **{
        op: lambda x, op=op: f"{op}<T>({x})"
        for op in ("tanh", "log", "sqrt", "sigmoid", "cos", "sin")
    },
    "exp": "exponential<T>({})".format,
    "abs": "absolute<T>({})".format,
    "max": "maximum<T>({}, {})".format,
    "min": "minimum<T>({}, {})".format,
    "not": "~({})".format,
    "where": "({} ? {} : {})".format,
}
_VECTORS = {0.0: "zero", 1.0: "one"}


def source(program: Program) -> str:
    """The functions and the table of a neuron, in a namespace of its own."""
    body = "\n".join(
        [
            _compare(program) if program.latency else "",
            _forward(program),
            *(_adjoint(program, want) for want in WANTS),
            _table(program),
        ]
    )
    name = key(program)
    return f"{_head(program)}namespace {name} {{\n{body}\n}}  // namespace {name}\n"


def key(program: Program) -> str:
    """A name for the neuron's functions, that changes with what they compute."""
    name = type(program.neuron).__name__
    return f"{re.sub('[^A-Za-z0-9_]', '_', name)}_{program.digest[:12]}"


def library(programs: Iterable[Program]) -> str:
    """A source file with these neurons and a way to find them by their keys."""
    programs = list(programs)
    parts = ['#include <cstring>\n#include <limits>\n\n#include "neuron.hpp"\n\nnamespace snn {\n']
    parts += [source(p) for p in programs]
    entries = "\n".join(f'  if (std::strcmp(key, "{key(p)}") == 0) return &{key(p)}::table<T>;'
                        for p in programs)  # fmt: skip
    parts.append(
        "template <typename T>\n"
        "const Neuron<T>* find_neuron(const char* key) {\n"
        f"{entries}\n"
        "  return nullptr;\n"
        "}\n\n"
        "}  // namespace snn\n\n"
        "// The neuron with this key for numbers of so many bytes, or null.\n"
        "SNN_EXPORT const void* snn_neuron(const char* key, int64_t bytes) {\n"
        "  if (bytes == 4) return snn::find_neuron<float>(key);\n"
        "  return snn::find_neuron<double>(key);\n"
        "}\n"
    )
    return "\n".join(parts)


def _head(program: Program) -> str:
    neuron = program.neuron
    options = ", ".join(
        f"{f.name}={getattr(neuron, f.name)!r}" for f in fields(neuron) if f.name != "threshold"
    )
    bias = ", bias of the drive" if program.bias else ""
    lines = [f"{type(neuron).__name__}({options}){bias}, written out from its declaration."]
    lines += [f"state {i}: {n}, {s.meaning}" for i, (n, s) in enumerate(neuron.states.items())]
    lines += [f"row {i}: {_plain(r)}" for i, r in enumerate(program.rows)]
    return "".join(f"// {' '.join(line.split())}\n" for line in lines)


def _plain(row: Node) -> str:
    """A row's expression as one would write it."""
    calls = {op: f"{op}({{}})".format for op in ("exp", "abs", "not", *_CALLS)}
    calls |= {"max": "maximum({}, {})".format, "min": "minimum({}, {})".format}
    calls["where"] = "where({}, {}, {})".format
    writer = Writer(lambda n: f"{n.args[0]:g}" if n.op == "const" else n.args[1], calls, str)
    text = writer.text(row)[0]
    return text if len(text) < 200 else "of the parameters"


class _Leaves:
    """The code of inputs, and the statements that load them."""

    def __init__(self, program: Program) -> None:
        self.names = list(program.neuron.states)
        self.rows = program.names

    def __call__(self, n: Node) -> str:
        if n.op == "const":
            return _number(n.args[0])
        if n.op == "first":
            return f"(k.step == {n.args[0]})"
        return name_of(n, self.rows)

    def loads(self, roots: Iterable[Node]) -> list[str]:
        roots = list(roots)
        lines = [
            f"const V {self(n)} = load<T>(k.rows + {n.args[1][3:]} * own + j);"
            for n in inputs_of(roots, "row")
        ]
        lines += [
            f"const V {self(n)} = load<T>(k.states + {self.names.index(n.args[1])} * own + j);"
            for kind in ("state", "adjoint")
            for n in inputs_of(roots, kind)
        ]
        lines += [
            f"const V {self(n)} = load<T>({n.args[1]}_at + j);" for n in inputs_of(roots, "kept")
        ]
        return lines

    def once(self, roots: Iterable[Node]) -> list[str]:
        """What is the same for all neurons."""
        roots = list(roots)
        lines = [
            "[[maybe_unused]] const V threshold = broadcast<T>(k.threshold);",
            "[[maybe_unused]] const V one = broadcast<T>(T(1)), zero{};",
        ]
        lines += [
            f"const V {self(n)} = "
            f"broadcast<T>(static_cast<T>(k.initial[{self.names.index(n.args[1])}]));"
            for n in inputs_of(roots, "initial")
        ]
        for n in inputs_of(roots, "kept"):
            i, back = n.args[2:]
            ago = f" - std::min<int64_t>(k.step, {back}) * k.back" if back else ""
            lines.append(f"const T* const {n.args[1]}_at = k.kept[{i}]{ago};")
        return lines


def _writer(leaves: _Leaves) -> Writer:
    def assign(name: str, text: str, is_condition: bool) -> str:
        return f"const {'auto' if is_condition else 'V'} {name} = {text};"

    return Writer(leaves, _CALLS, assign, constant=_vector)


def _vector(value: float) -> str:
    return _VECTORS.get(value) or f"broadcast<T>({_number(value)})"


def _number(value: float) -> str:
    if math.isinf(value):
        return f"{'-' * (value < 0)}std::numeric_limits<T>::infinity()"
    return f"T({value!r})"


def _lines(lines: Iterable[str], depth: int) -> str:
    return textwrap.indent("\n".join(lines), " " * depth)


def _store(target: str, name: str) -> str:
    return f"store<T>({target} + j, {name});"


def _compare(program: Program) -> str:
    leaves = _Leaves(program)
    roots = [program.compared]
    writer = _writer(leaves)
    writer.write({"v": program.compared})
    return f"""
// The spikes alone, before anything is known of the drive.
template <typename T>
void compare(const ForwardRows<T>& k) {{
  using V = Vec<T>;
  const int64_t own = k.own;
{_lines(leaves.once(roots), 2)}
  for (int64_t w = 0; 64 * w < own; ++w) {{
    uint64_t bits = 0;
    for (int64_t j = 64 * w; j < std::min(own, 64 * w + 64); j += kLanes<T>) {{
{_lines([*leaves.loads(roots), *writer.lines], 6)}
      bits |= above(v, threshold) << (j % 64);
    }}
    k.spikes[w] = bits & units_of_word(k.units, w);
  }}
}}
"""


def _forward(program: Program) -> str:
    leaves = _Leaves(program)
    keeps = {want: program.backward(want).keep for want in WANTS}
    roots = [program.compared, *program.after.values(), *(n for k in keeps.values() for n in k)]
    writer = _writer(leaves)
    writer.write({"v": program.compared})
    writer.lines.append("const V z = v > threshold ? one : zero;")
    writer.lines.append("bits |= above(v, threshold) << (j % 64);")
    for want, number in (("weights", 1), ("rows", 2)):
        extra = {f"kept{number}_{i}": n for i, n in enumerate(keeps[want]) if i}
        inner = writer.copy()
        inner.write(extra, prefix=f"t{number}_")
        stores = ["store<T>(k.kept[0] + j, v);"]
        stores += [f"store<T>(k.kept[{i}] + j, kept{number}_{i});"
                   for i in range(1, len(keeps[want]))]  # fmt: skip
        writer.lines.append(f"if constexpr (Keep == {number}) {{")
        writer.lines += ["  " + line for line in (*inner.lines, *stores)]
        writer.lines.append("}")
    writer.write({f"next_{name}": n for name, n in program.after.items()})
    stores = [
        _store(f"k.states + {i} * own", f"next_{name}") for i, name in enumerate(program.after)
    ]
    drive = []
    if inputs_of(roots, "drive"):
        drive = ["const V h = load<T>(k.arriving + j) + load<T>(k.drive + j);"]
    return f"""
template <typename T, int Keep>
void forward(const ForwardRows<T>& k) {{
  using V = Vec<T>;
  const int64_t own = k.own;
{_lines(leaves.once(roots), 2)}
  for (int64_t w = 0; 64 * w < own; ++w) {{
    uint64_t bits = 0;
    for (int64_t j = 64 * w; j < std::min(own, 64 * w + 64); j += kLanes<T>) {{
{_lines([*leaves.loads(roots), *drive, *writer.lines, *stores], 6)}
      store<T>(k.counts + j, load<T>(k.counts + j) + z);
    }}
    k.spikes[w] = bits & units_of_word(k.units, w);
  }}
}}
"""


def _adjoint(program: Program, want: Want) -> str:
    backward = program.backward(want)
    leaves = _Leaves(program)
    named = {f"before_{name}": g for name, g in backward.states.items()}
    named["of_drive"] = backward.drive
    named |= {f"of_{program.names[i]}": g for i, g in backward.rows.items()}
    roots = list(named.values())
    writer = _writer(leaves)
    writer.write(named)
    used = set(ordered(roots))
    first = []
    if INCOMING in used:
        first.append("const V incoming = load<T>(k.incoming + j) + load<T>(k.counts + j);")
    if SLOPE in used:
        first.append("const V slope = load<T>(k.slope + j);")
    stores = [
        _store(f"k.states + {i} * own", f"before_{name}") for i, name in enumerate(backward.states)
    ]
    stores.append("if (k.drive) store<T>(drive, of_drive);")
    for i in backward.rows:
        at = f"k.grad_rows + {i} * own + j"
        stores.append(f"store<T>({at}, load<T>({at}) + of_{program.names[i]});")
    what = "weights and drive" if want == "weights" else "weights, drive and rows"
    return f"""
// Gradients for {what}; that of the drive is {_steps_ago(backward)}.
template <typename T>
void adjoint_{want}(const AdjointRows<T>& k) {{
  using V = Vec<T>;
  const int64_t own = k.own;
{_lines(leaves.once(roots), 2)}
  [[maybe_unused]] T* drive = k.drive;
  for (int64_t j = 0; j < own; j += kLanes<T>, drive += k.plane) {{
{_lines([*leaves.loads(roots), *first, *writer.lines, *stores], 4)}
  }}
}}
"""


def _steps_ago(backward: Backward) -> str:
    return "of this step" if not backward.ahead else f"{backward.ahead} steps ago"


def _table(program: Program) -> str:
    kept = ", ".join(["0", *(str(len(program.backward(want).keep)) for want in WANTS)])
    ahead = program.backward("weights").ahead
    return f"""
template <typename T>
inline const Neuron<T> table = {{
    kNeuronVersion, {len(program.after)}, {len(program.rows)}, {{{kept}}},
    {program.latency}, {ahead},
    {"compare<T>" if program.latency else "nullptr"},
    {{forward<T, 0>, forward<T, 1>, forward<T, 2>}},
    {{nullptr, adjoint_weights<T>, adjoint_rows<T>}},
}};
"""
