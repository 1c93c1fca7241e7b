"""The backward half of a neuron in Triton."""

from __future__ import annotations

from snn.kernels.written.cpp import WANTS
from snn.kernels.written.expressions import inputs_of
from snn.kernels.written.triton_parts import (
    PLACE,
    Shape,
    before,
    if_after,
    if_before,
    indented,
    initial_states,
    input_node,
    kept_name,
    load_rows,
    place_after,
    place_before,
    writer_of,
)
from snn.neurons.declaration.adjoint import INCOMING, SLOPE, adjoint_of
from snn.neurons.declaration.graph import Node
from snn.neurons.declaration.program import Program, Want, first, kept
from snn.neurons.declaration.walk import substitute


def backward(program: Program, name: str, shape: Shape) -> str:
    """Its text."""
    adjoint = program.backward("rows", 0)
    all_roots = [*adjoint.states.values(), adjoint.drive, *adjoint.rows.values()]
    once = [*initial_states(program), *load_rows(program, all_roots)]
    once += [f"g_{name} = zero" for name in program.after]
    once += [f"sum_{i} = zero" for i in adjoint.rows]
    early, late = [], []
    for want, number in zip(WANTS, (1, 2), strict=True):
        lines, more = _adjoint(program, want, shape)
        early += [f"if WANT == {number}:", *(f"    {line}" for line in lines or ["pass"])]
        late += [f"if WANT == {number}:", *(f"    {line}" for line in more)]
    sums = [
        f"tl.store(out + {i} * layer, tl.sum(sum_{i}, 0), mask=n < width)" for i in adjoint.rows
    ]
    return _BACKWARD.format(
        name=name,
        count=shape.count,
        first="t + 1" if shape.lag else "t",
        once=indented(once, 4),
        slopes=indented(map(_slope, range(shape.count)), 8),
        early=indented(early, 8),
        delayed=indented(_delayed(shape), 12),
        incoming=indented((i for k in range(shape.count) for i in _incoming(k, shape)), 8),
        late=indented(late, 8),
        carried=indented([f"g_{name} = before_{name} + zero" for name in program.after], 8),
        sums=indented(sums or ["pass"], 8),
    )


def _slope(k: int) -> str:
    where = f"kept + at{place_before(k)}"
    return (
        f"kept0_{k} = tl.load({where}, mask=padded{if_before(k)}, other=0.0)\n"
        f"slope{k} = surrogate_derivative(kept0_{k} - threshold, scale, SURROGATE)"
    )


def _delayed(shape: Shape) -> list[str]:
    """What the arriving spikes want is kept, where there are delays."""
    if not shape.lag:
        return []
    return [
        "if DELAYED:",
        *(f"    {_wanted(k)}" for k in range(shape.count)),
        "    tl.debug_barrier()",
    ]


def _wanted(k: int) -> str:
    more = if_after(1) if k == 0 else if_before(k - 1)
    place = place_after(1) if k == 0 else place_before(k - 1)
    return f"tl.store(wanted + at{place}, p{k}, mask=padded{more})"


def _incoming(k: int, shape: Shape) -> list[str]:
    """The gradient of the spikes of the k-th step before this one."""
    sent = f"grad_sent + grad_at + {before(k)} * grad_step"
    where = f"mask + mask_at + {before(k)} * mask_step"
    lines = [
        f"incoming{k} = zero",
        "if WITH_SENT:",
        f"    incoming{k} = tl.load({sent}, mask=inside{if_before(k)}, other=0.0)",
    ]
    if shape.lag:
        late = _LATE.format(k=k, then=f"t - {k}" if k else "t").splitlines()
        lines += ["if DELAYED:", *(f"    {line}" for line in late), "elif RECURRENT:"]
    else:
        lines.append("if RECURRENT:")
    return [
        *lines,
        f"    incoming{k} += p{k}",
        "if MASKED:",
        f"    incoming{k} *= tl.load({where}, mask=inside{if_before(k)}, other=0.0)",
        f"incoming{k} += from_counts",
    ]


def _adjoint(program: Program, want: Want, shape: Shape) -> tuple[list[str], list[str]]:
    """What is computed before the product with the recurrent weights, and what after it."""
    backward = program.backward(want, 0)
    names = list(backward.states)
    expressions = [*backward.states.values(), backward.drive, *backward.rows.values()]
    states = {n: adjoint_of(n) for n in names}
    states_of, drives, rows = [], [], []
    for k in range(shape.count):
        by = {adjoint_of(n): value for n, value in states.items()}
        by |= {n: kept(n.args[2], n.args[3] + k) for n in inputs_of(expressions, "kept")}
        by |= {first(i): first(i + k) for i in range(3)}
        by |= {
            INCOMING: input_node("incoming", f"incoming{k}"),
            SLOPE: input_node("slope", f"slope{k}"),
        }
        *of_states, drive = substitute([*backward.states.values(), backward.drive], by)
        states = dict(zip(names, of_states, strict=True))
        states_of.append(states)
        drives.append(drive)
        rows.append(dict(zip(backward.rows, substitute(backward.rows.values(), by), strict=True)))
    known = {kept(0, k) for k in range(shape.count)}
    used = [*drives, *(v for s in (*states_of, *rows) for v in s.values())]
    loads = [_load(n) for n in inputs_of(used, "kept") if n not in known]
    writer = writer_of(program)
    for k in range(shape.early):
        writer.write({f"drive{k}": drives[k]})
        writer.lines += _store_drive(k)
    early = [*loads, *writer.take()]
    for k in range(shape.count):
        last = k + 1 == shape.count
        named = {f"{'before' if last else f'g{k}'}_{n}": v for n, v in states_of[k].items()}
        if k >= shape.early:
            named[f"drive{k}"] = drives[k]
        named |= {f"of_row{i}_{k}": g for i, g in rows[k].items()}
        writer.write(named)
        if k >= shape.early:
            writer.lines += _store_drive(k)
        writer.lines += [
            f"sum_{i} += tl.where(t >= {k}, of_row{i}_{k} + zero, 0.0)"
            if k
            else f"sum_{i} += of_row{i}_0"
            for i in rows[k]
        ]
    return early, writer.take()


def _load(n: Node) -> str:
    i, back = n.args[2:]
    where = f"kept + {i} * value + at{place_before(back)}"
    return f"{kept_name(n)} = tl.load({where}, mask=padded{if_before(back)}, other=0.0)"


def _store_drive(k: int) -> list[str]:
    value = f"tl.where(real, drive{k} + zero, 0.0)"
    return [f"tl.store(grad_drive + at{place_before(k)}, {value}, mask=padded{if_before(k)})"]


_LATE = """\
for tau in range(0, nb_taps):
    then = {then} + 1 + tau
    tap = tl.load(taps + tau * units + n, mask=n < units, other=0.0)[None, :]
    late = tl.load(wanted + here + then * step, padded & (then >= 0) & (then < steps), other=0.0)
    incoming{k} += tap * late"""

_OF_MODEL = [
    "kept += model * kept_m",
    "grad_sent += model * grad_m",
    "grad_counts += model * counts_m",
    "wanted += model * sent_m",
    "grad_drive += model * sent_m",
    "grad_rows += model * grad_rows_m",
]

_BACKWARD = (
    """\
@triton.jit(do_not_specialize=["pitch"])
def {name}(
    kept, grad_sent, grad_counts, matrix, rows, constants, mask, taps, wanted, grad_drive,
    grad_rows, batch, steps, units, width, pitch, grad_t, grad_b, mask_t, mask_b, nb_taps,
    rows_m, constants_m, mask_m, taps_m, grad_m, counts_m, sent_m, kept_m, grad_rows_m,
    TOGETHER: tl.constexpr, RECURRENT: tl.constexpr, DELAYED: tl.constexpr,
    MASKED: tl.constexpr, WANT: tl.constexpr,
    WITH_SENT: tl.constexpr, WITH_COUNTS: tl.constexpr, SURROGATE: tl.constexpr,
    PRODUCT: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK_B: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
"""
    + PLACE.format(dtype="grad_drive", of_model=indented(_OF_MODEL, 8))
    + """\
    scale = tl.load(constants + 1)
    grad_at = b[:, None].to(tl.int64) * grad_b + n[None, :]
    grad_step = tl.cast(grad_t, tl.int64)
    from_counts = zero
    if WITH_COUNTS:
        from_counts = tl.load(grad_counts + b[:, None] * units + n[None, :], inside, other=0.0)
    {once}
    for back in range(0, steps, {count}):
        t = steps - 1 - back
        at = here + t * step
        {slopes}
        {early}
        if RECURRENT:
            tl.debug_barrier()  # all threads of the program see the gradients
            p0, p1, p2 = products(
                grad_drive, {first}, matrix, resident, b, n, batch, steps, width, pitch,
                -1, {count}, PRODUCT, PRECISION, BLOCK_B, BLOCK_N, BLOCK_K,
            )  # fmt: skip
            {delayed}
        {incoming}
        {late}
        {carried}
    if WANT == 2:
        layer = tl.num_programs(0).to(tl.int64) * width
        out = grad_rows + tl.program_id(0).to(tl.int64) * width + n
        {sums}
"""
)
