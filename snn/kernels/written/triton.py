"""A neuron in Triton: a module with its ``forward`` and ``backward`` kernels.

One program takes a block of samples through all time steps, one product with the recurrent weights
in each. Layouts are those of :mod:`snn.kernels.gpu.forward`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from snn.kernels.written.cpp import WANTS, key
from snn.kernels.written.expressions import Writer, inputs_of, name_of
from snn.neurons.declaration.graph import Node
from snn.neurons.declaration.program import Program, Want

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


def source(program: Program) -> str:
    """The text of the module."""
    return _HEAD.format(
        key=key(program),
        forward=_forward(program),
        backward=_backward(program),
        name=type(program.neuron).__name__,
    )


def _leaf(program: Program):
    rows = program.names

    def leaf(n: Node) -> str:
        if n.op == "const":
            return repr(n.args[0])
        if n.op == "first":
            return f"(t == {n.args[0]})"
        return name_of(n, rows)

    return leaf


def _writer(program: Program) -> Writer:
    def assign(name: str, text: str, is_condition: bool) -> str:
        return f"{name} = {text}"

    return Writer(_leaf(program), _CALLS, assign, constant=_argument)


def _argument(value: float) -> str:
    """A constant as an argument of a function, which Triton would round to float32."""
    return f"tl.full((), {value!r}, dtype)"


def _indented(lines: Iterable[str], depth: int) -> str:
    return textwrap.indent("\n".join(lines), " " * depth).lstrip()


def _rows(program: Program, roots: Iterable[Node]) -> list[str]:
    leaf = _leaf(program)
    return [
        f"{leaf(n)} = tl.load(rows + {n.args[1][3:]} * units + n, mask=n < units, other=0.0)"
        "[None, :]"
        for n in inputs_of(roots, "row")
    ]


def _initial(program: Program) -> list[str]:
    """Every state before the first step."""
    return [
        f"initial_{name} = tl.load(constants + {2 + i}) + zero"
        for i, name in enumerate(program.after)
    ]


def _forward(program: Program) -> str:
    keeps = {want: program.backward(want, 0).keep for want in WANTS}
    roots = [program.compared, *program.after.values(), *(n for k in keeps.values() for n in k)]
    once = [*_rows(program, roots), *_initial(program)]
    once += [f"s_{name} = tl.where(real, initial_{name}, 0.0)" for name in program.after]
    writer = _writer(program)
    writer.write({"v": program.compared})
    body = [*writer.lines, "z = spikes(v, threshold, real)"]
    writer.lines.clear()
    for want, number in zip(WANTS, (1, 2), strict=True):
        inner = writer.copy()
        inner.write({f"kept{i}": n for i, n in enumerate(keeps[want]) if i}, prefix=f"k{number}_")
        body.append(f"if KEEP == {number}:")
        body += [f"    {line}" for line in inner.lines]
        body += [
            f"    tl.store(kept + {i} * value + at, {f'kept{i}' if i else 'v'} + zero, mask=padded)"
            for i in range(len(keeps[want]))
        ]
    writer.write({f"next_{name}": n for name, n in program.after.items()})
    body += writer.lines
    body += [f"s_{name} = next_{name} + zero" for name in program.after]
    return _FORWARD.format(once=_indented(once, 4), body=_indented(body, 8))


def _backward(program: Program) -> str:
    once, body = [*_initial(program)], []
    adjoint = program.backward("rows", 0)
    all_roots = [*adjoint.states.values(), adjoint.drive, *adjoint.rows.values()]
    once += _rows(program, all_roots)
    once += [f"g_{name} = zero" for name in program.after]
    once += [f"sum_{i} = zero" for i in adjoint.rows]
    for want, number in zip(WANTS, (1, 2), strict=True):
        body.append(f"if WANT == {number}:")
        body += [f"    {line}" for line in _adjoint(program, want)]
    body += [f"g_{name} = before_{name} + zero" for name in program.after]
    sums = [
        f"tl.store(out + {i} * layer, tl.sum(sum_{i}, 0), mask=n < width)" for i in adjoint.rows
    ]
    return _BACKWARD.format(
        once=_indented(once, 4),
        body=_indented(body, 8),
        sums=_indented(sums or ["pass"], 8),
    )


def _adjoint(program: Program, want: Want) -> list[str]:
    backward = program.backward(want, 0)
    named = {f"before_{name}": g for name, g in backward.states.items()}
    named["of_drive"] = backward.drive
    named |= {f"of_row{i}": g for i, g in backward.rows.items()}
    lines = []
    for n in inputs_of(named.values(), "kept"):
        i, back = n.args[2:]
        if i == 0 and back == 0:
            continue  # loaded for the slope
        ago, inside = (f" - {back} * step", f"padded & (t >= {back})") if back else ("", "padded")
        lines.append(
            f"{n.args[1]} = tl.load(kept + {i} * value + at{ago}, mask={inside}, other=0.0)"
        )
    writer = _writer(program)
    writer.write(named)
    lines += writer.lines
    return lines + [f"sum_{i} += of_row{i}" for i in backward.rows]


_HEAD = '''"""{name} in Triton, written out from its declaration."""

import triton
import triton.language as tl

from snn.kernels.gpu.tools import load_matrix, products, spikes, surrogate_derivative

KEY = "{key}"


{forward}

{backward}'''

_PLACE = """\
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

_FORWARD = (
    """\
@triton.jit(do_not_specialize=["pitch"])
def forward(
    drive, matrix, rows, constants, mask, taps, sent, delayed, kept, counts,
    batch, steps, units, width, pitch, drive_t, drive_b, mask_t, mask_b, nb_taps,
    RECURRENT: tl.constexpr, DELAYED: tl.constexpr, MASKED: tl.constexpr, KEEP: tl.constexpr,
    PRODUCT: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK_B: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
"""
    + _PLACE.format(dtype="sent")
    + """\
    drive_at = b[:, None].to(tl.int64) * drive_b + n[None, :]
    drive_step = tl.cast(drive_t, tl.int64)
    count = zero
    {once}
    for t in range(0, steps):
        at = here + t * step
        h = tl.load(drive + drive_at + t * drive_step, mask=inside, other=0.0)
        if RECURRENT:
            tl.debug_barrier()  # all threads of the program see the spikes
            source = sent
            source_t = t - 1
            if DELAYED:
                arriving = zero
                for tau in range(0, nb_taps):
                    then = t - 1 - tau
                    tap = tl.load(taps + tau * units + n, mask=n < units, other=0.0)[None, :]
                    past = tl.load(sent + here + then * step, padded & (then >= 0), other=0.0)
                    arriving += tap * past
                tl.store(delayed + at, arriving, mask=padded)
                tl.debug_barrier()
                source = delayed
                source_t = t
            p0, p1, p2 = products(
                source, source_t, matrix, resident, b, n, batch, steps, width, pitch,
                1, 1, PRODUCT, PRECISION, BLOCK_B, BLOCK_N, BLOCK_K,
            )  # fmt: skip
            h += p0
        {body}
        count += z
        now = z
        if MASKED:
            now = z * tl.load(mask + mask_at + t * mask_step, mask=inside, other=0.0)
        tl.store(sent + at, now, mask=padded)
    tl.store(counts + here, count, mask=padded)
"""
)

_BACKWARD = (
    """\
@triton.jit(do_not_specialize=["pitch"])
def backward(
    kept, grad_sent, grad_counts, matrix, rows, constants, mask, taps, wanted, grad_drive,
    grad_rows, batch, steps, units, width, pitch, grad_t, grad_b, mask_t, mask_b, nb_taps,
    RECURRENT: tl.constexpr, DELAYED: tl.constexpr, MASKED: tl.constexpr, WANT: tl.constexpr,
    WITH_SENT: tl.constexpr, WITH_COUNTS: tl.constexpr, SURROGATE: tl.constexpr,
    PRODUCT: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK_B: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
"""
    + _PLACE.format(dtype="grad_drive")
    + """\
    scale = tl.load(constants + 1)
    grad_at = b[:, None].to(tl.int64) * grad_b + n[None, :]
    grad_step = tl.cast(grad_t, tl.int64)
    from_counts = zero
    if WITH_COUNTS:
        from_counts = tl.load(grad_counts + b[:, None] * units + n[None, :], inside, other=0.0)
    {once}
    for back in range(0, steps):
        t = steps - 1 - back
        at = here + t * step
        incoming = zero
        if WITH_SENT:
            incoming = tl.load(grad_sent + grad_at + t * grad_step, mask=inside, other=0.0)
        if RECURRENT:
            tl.debug_barrier()  # all threads of the program see the gradients
            p0, p1, p2 = products(
                grad_drive, t + 1, matrix, resident, b, n, batch, steps, width, pitch,
                1, 1, PRODUCT, PRECISION, BLOCK_B, BLOCK_N, BLOCK_K,
            )  # fmt: skip
            if DELAYED:
                tl.store(wanted + at + step, p0, mask=padded & (t + 1 < steps))
                tl.debug_barrier()
                for tau in range(0, nb_taps):
                    then = t + 1 + tau
                    tap = tl.load(taps + tau * units + n, mask=n < units, other=0.0)[None, :]
                    late = tl.load(wanted + here + then * step, padded & (then < steps), other=0.0)
                    incoming += tap * late
            else:
                incoming += p0
        if MASKED:
            incoming *= tl.load(mask + mask_at + t * mask_step, mask=inside, other=0.0)
        incoming += from_counts
        kept0 = tl.load(kept + at, mask=padded, other=0.0)
        slope = surrogate_derivative(kept0 - threshold, scale, SURROGATE)
        {body}
        tl.store(grad_drive + at, tl.where(real, of_drive + zero, 0.0), mask=padded)
    if WANT == 2:
        layer = tl.num_programs(0).to(tl.int64) * width
        out = grad_rows + tl.program_id(0).to(tl.int64) * width + n
        {sums}
"""
)
