"""The forward half of a neuron in Triton."""

from __future__ import annotations

import textwrap

from snn.kernels.written.cpp import WANTS
from snn.kernels.written.triton_parts import (
    PLACE,
    Shape,
    after,
    if_after,
    indented,
    initial_states,
    input_node,
    load_rows,
    place_after,
    writer_of,
)
from snn.neurons.declaration.graph import Node
from snn.neurons.declaration.program import Program
from snn.neurons.declaration.trace import StepGraph
from snn.neurons.declaration.walk import substitute


def forward(program: Program, name: str, shape: Shape) -> str:
    """Its text."""
    keeps = {want: program.backward(want, 0).keep for want in WANTS}
    roots = [program.compared, *program.after.values(), *(n for k in keeps.values() for n in k)]
    once = [*load_rows(program, roots), *initial_states(program)]
    once += [f"s_{name} = tl.where(real, initial_{name}, 0.0)" for name in program.after]
    states = {n: StepGraph.state(n) for n in program.after}
    of_step: list[dict[Node, Node]] = []
    for k in range(shape.count):
        by = {StepGraph.state(n): value for n, value in states.items()}
        by |= {
            StepGraph.drive: input_node("drive", f"h{k}"),
            StepGraph.spike: input_node("spike", f"z{k}"),
        }
        of_step.append(by)
        states = dict(zip(states, substitute(program.after.values(), by), strict=True))
    writer = writer_of(program)
    parts: dict[str, list[str]] = {}
    for part, some in (("early", range(shape.early)), ("late", range(shape.early, shape.count))):
        for k in some:
            writer.write({f"v{k}": substitute([program.compared], of_step[k])[0]})
            writer.lines += [f"z{k} = spikes(v{k}, threshold, real)", *_sent(k)]
        parts[part] = writer.take()
    rest = []
    for want, number in zip(WANTS, (1, 2), strict=True):
        inner = writer.copy()
        for k, by in enumerate(of_step):
            values = substitute(keeps[want], by)
            inner.write({f"kept{i}_{k}": n for i, n in enumerate(values) if i}, f"k{number}{k}_")
            inner.lines += [
                f"tl.store(kept + {i} * value + at{place_after(k)}, "
                f"{f'kept{i}_{k}' if i else f'v{k}'} + zero, mask=padded{if_after(k)})"
                for i in range(len(values))
            ]
        rest += [f"if KEEP == {number}:", *(f"    {line}" for line in inner.lines)]
    writer.write({f"next_{name}": n for name, n in states.items()}, "n")
    rest += writer.take()
    rest += [f"s_{name} = next_{name} + zero" for name in program.after]
    rest.append("count += z0")
    rest += [f"count += tl.where(t + {k} < steps, z{k}, 0.0)" for k in range(1, shape.count)]
    return _FORWARD.format(
        name=name,
        count=shape.count,
        first="t - 1" if shape.lag else "t",
        once=indented(once, 4),
        drives=indented(map(_drive, range(shape.count)), 8),
        early=indented(parts["early"] or ["pass"], 8),
        delayed=indented(_delayed(shape), 12),
        add=indented([f"h{k} += p{k}" for k in range(shape.count)], 12),
        late=indented([*parts["late"], *rest], 8),
    )


def _drive(k: int) -> str:
    where = f"drive + drive_at + {after(k)} * drive_step"
    return f"h{k} = tl.load({where}, mask=inside{if_after(k)}, other=0.0)"


def _sent(k: int) -> list[str]:
    where = f"mask + mask_at + {after(k)} * mask_step"
    return [
        f"now{k} = z{k}",
        "if MASKED:",
        f"    now{k} = z{k} * tl.load({where}, mask=inside{if_after(k)}, other=0.0)",
        f"tl.store(sent + at{place_after(k)}, now{k}, mask=padded{if_after(k)})",
    ]


def _delayed(shape: Shape) -> list[str]:
    """What arrives of the spikes, where there are delays."""
    if not shape.lag:
        return []
    arriving = "\n".join(map(_arriving, range(shape.count)))
    inner = f"{arriving}\ntl.debug_barrier()\nsource = delayed\nsource_t = t"
    return ["if DELAYED:", textwrap.indent(inner, "    ")]


def _arriving(k: int) -> str:
    then = f"t + {k}" if k else "t"
    return _ARRIVING.format(then=then, place=place_after(k), more=if_after(k))


_OF_MODEL = [
    "drive += model * drive_m",
    "sent += model * sent_m",
    "delayed += model * sent_m",
    "kept += model * kept_m",
    "counts += model * batch * width",
]

_FORWARD = (
    """\
@triton.jit(do_not_specialize=["pitch"])
def {name}(
    drive, matrix, rows, constants, mask, taps, sent, delayed, kept, counts,
    batch, steps, units, width, pitch, drive_t, drive_b, mask_t, mask_b, nb_taps,
    rows_m, constants_m, mask_m, taps_m, drive_m, sent_m, kept_m,
    TOGETHER: tl.constexpr, RECURRENT: tl.constexpr, DELAYED: tl.constexpr,
    MASKED: tl.constexpr, KEEP: tl.constexpr,
    PRODUCT: tl.constexpr, PRECISION: tl.constexpr,
    BLOCK_B: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
"""
    + PLACE.format(dtype="sent", of_model=indented(_OF_MODEL, 8))
    + """\
    drive_at = b[:, None].to(tl.int64) * drive_b + n[None, :]
    drive_step = tl.cast(drive_t, tl.int64)
    count = zero
    {once}
    for t in range(0, steps, {count}):
        at = here + t * step
        {drives}
        {early}
        if RECURRENT:
            tl.debug_barrier()  # all threads of the program see the spikes
            source = sent
            source_t = {first}
            {delayed}
            p0, p1, p2 = products(
                source, source_t, matrix, resident, b, n, batch, steps, width, pitch,
                1, {count}, PRODUCT, PRECISION, BLOCK_B, BLOCK_N, BLOCK_K,
            )  # fmt: skip
            {add}
        {late}
    tl.store(counts + here, count, mask=padded)
"""
)

_ARRIVING = """\
arriving = zero
for tau in range(0, nb_taps):
    then = {then} - 1 - tau
    tap = tl.load(taps + tau * units + n, mask=n < units, other=0.0)[None, :]
    past = tl.load(sent + here + then * step, padded & (then >= 0) & (then < steps), other=0.0)
    arriving += tap * past
tl.store(delayed + at{place}, arriving, mask=padded{more})"""
