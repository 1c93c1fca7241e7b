"""Input currents from events, and the gradient of the weights that they come through."""

import triton
import triton.language as tl


@triton.jit
def currents_from_events(
    indptr, events, index, weight, drive, batch, steps, inputs, units,
    BLOCK_K: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """``drive[t, b]``: the sum of weight rows of the events of sample ``index[b]`` in step t.

    One program per step, sample and block of neurons. Rows outside of the weights count nothing.
    """
    t = tl.program_id(0) // batch
    b = tl.program_id(0) % batch
    n = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    k = tl.arange(0, BLOCK_K)
    row = tl.load(index + b).to(tl.int64) * steps + t
    first = tl.load(indptr + row)
    last = tl.load(indptr + row + 1)
    acc = tl.zeros((BLOCK_K, BLOCK_N), drive.dtype.element_ty)
    nb_events = (last - first).to(tl.int32)
    for start in range(0, nb_events, BLOCK_K):
        there = start + k < nb_events
        unit = tl.load(events + first + start + k, mask=there, other=0).to(tl.int64)
        there = there & (unit >= 0) & (unit < inputs)
        where = weight + unit[:, None] * units + n[None, :]
        acc += tl.load(where, mask=there[:, None] & (n < units)[None, :], other=0.0)
    out = drive + tl.program_id(0).to(tl.int64) * units + n
    tl.store(out, tl.sum(acc, 0), mask=n < units)


@triton.jit
def dense_from_events(
    indptr, events, index, dense, batch, steps, inputs, BLOCK_K: tl.constexpr
):  # fmt: skip
    """Count events into zeros ``[step, batch, input]``. Counts are exact in any order."""
    t = tl.program_id(0) // batch
    b = tl.program_id(0) % batch
    k = tl.arange(0, BLOCK_K)
    row = tl.load(index + b).to(tl.int64) * steps + t
    first = tl.load(indptr + row)
    last = tl.load(indptr + row + 1)
    nb_events = (last - first).to(tl.int32)
    out = dense + tl.program_id(0).to(tl.int64) * inputs
    one = tl.full((BLOCK_K,), 1.0, dense.dtype.element_ty)
    for start in range(0, nb_events, BLOCK_K):
        there = start + k < nb_events
        unit = tl.load(events + first + start + k, mask=there, other=0).to(tl.int64)
        there = there & (unit >= 0) & (unit < inputs)
        tl.atomic_add(out + unit, one, mask=there, sem="relaxed")


@triton.jit
def weight_gradient(
    bounds, rows, grad_drive, grad_weight, units, grad_row,
    BLOCK_K: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """``grad_weight[i]``: the sum of the drive's adjoints at the events of input i.

    Events are sorted by input: those of i are ``rows[bounds[i]:bounds[i + 1]]``, each the row
    ``t * batch + b`` of ``grad_drive``. One program per input and block of neurons, so that the
    order of the sum never changes.
    """
    i = tl.program_id(0)
    n = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    k = tl.arange(0, BLOCK_K)
    first = tl.load(bounds + i)
    nb_events = (tl.load(bounds + i + 1) - first).to(tl.int32)
    acc = tl.zeros((BLOCK_K, BLOCK_N), grad_weight.dtype.element_ty)
    for start in range(0, nb_events, BLOCK_K):
        there = start + k < nb_events
        row = tl.load(rows + first + start + k, mask=there, other=0).to(tl.int64)
        where = grad_drive + row[:, None] * grad_row + n[None, :]
        acc += tl.load(where, mask=there[:, None] & (n < units)[None, :], other=0.0)
    out = grad_weight + i.to(tl.int64) * units + n
    tl.store(out, tl.sum(acc, 0), mask=n < units)
