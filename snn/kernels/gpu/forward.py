"""A layer of LIF neurons forward: one program takes a block of samples through all time steps."""

import triton
import triton.language as tl

from snn.kernels.gpu.tools import load_matrix, products, spikes


@triton.jit
def _membrane(u, i, s, beta, gain, threshold, RESET_ZERO: tl.constexpr):
    """``U(t+1)`` from ``U(t)``, ``I(t)`` and ``S(t)``."""
    v = beta * u + gain * i
    return v * (1.0 - s) if RESET_ZERO else v - threshold * s


@triton.jit
def _send(s, mask, where, inside, MASKED: tl.constexpr):
    """Spikes after dropout."""
    if MASKED:
        s = s * tl.load(mask + where, mask=inside, other=0.0)
    return s


@triton.jit(do_not_specialize=["pitch"])
def lif_forward(
    drive,
    matrix,
    alpha,
    beta,
    gain,
    constants,
    mask,
    sent,
    potential,
    current,
    counts,
    batch,
    steps,
    units,
    width,
    pitch,
    drive_t,
    drive_b,
    mask_t,
    mask_b,
    drive_m,
    constants_m,
    mask_m,
    sent_m,
    TOGETHER: tl.constexpr,
    RECURRENT: tl.constexpr,
    PREVIOUS: tl.constexpr,
    RESET_ZERO: tl.constexpr,
    MASKED: tl.constexpr,
    KEEP_POTENTIAL: tl.constexpr,
    KEEP_CURRENT: tl.constexpr,
    PRODUCT: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_B: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Equations of :mod:`snn.neurons.lif` for samples ``BLOCK_B * program ...``.

    ``sent``, ``potential`` and ``current`` are ``[step, batch, width]``, ``counts`` is
    ``[batch, width]``, ``matrix`` is ``[width, width]``: rows are padded to a multiple of 16.
    ``drive`` and ``mask`` are ``[step, batch, unit]`` by their strides. ``constants`` holds
    threshold, surrogate scale and initial potential.

    Two time steps are taken at once, or three if spikes reach the current one step late
    (PREVIOUS): ``S(t)`` and ``S(t+1)`` follow from ``U(t)`` and ``I(t)`` alone.

    TOGETHER, every tensor has an axis of models before its own, and the grid a second one.
    """
    if TOGETHER:
        model = tl.program_id(1).to(tl.int64)
        drive += model * drive_m
        matrix += model * width * width
        alpha += model * constants_m
        beta += model * constants_m
        gain += model * constants_m
        constants += model * 3
        mask += model * mask_m
        sent += model * sent_m
        potential += model * sent_m
        current += model * sent_m
        counts += model * batch * width
    dtype = sent.dtype.element_ty
    b = tl.program_id(0) * BLOCK_B + tl.arange(0, BLOCK_B)
    n = tl.arange(0, BLOCK_N)
    real = (n < units)[None, :]
    inside = (b < batch)[:, None] & real
    padded = (b < batch)[:, None] & (n < width)[None, :]
    a_ = tl.load(alpha + n, mask=n < units, other=0.0)[None, :]
    b_ = tl.load(beta + n, mask=n < units, other=0.0)[None, :]
    g_ = tl.load(gain + n, mask=n < units, other=0.0)[None, :]
    threshold = tl.load(constants)
    initial = tl.load(constants + 2)

    here = b[:, None].to(tl.int64) * width + n[None, :]
    step = tl.cast(batch, tl.int64) * width
    drive_at = b[:, None].to(tl.int64) * drive_b + n[None, :]
    drive_step = tl.cast(drive_t, tl.int64)
    mask_at = b[:, None].to(tl.int64) * mask_b + n[None, :]
    mask_step = tl.cast(mask_t, tl.int64)

    zero = tl.zeros((BLOCK_B, BLOCK_N), dtype)
    u = tl.where(real, initial, 0.0).to(dtype) + zero
    i = zero
    count = zero
    x2 = zero
    COUNT: tl.constexpr = 3 if RECURRENT and PREVIOUS else 2
    resident = zero
    if PRODUCT == "resident":
        resident = load_matrix(matrix, tl.arange(0, BLOCK_K), n, width, pitch)
    for t in range(0, steps, COUNT):
        second, third = t + 1 < steps, t + 2 < steps
        x0 = tl.load(drive + drive_at + t * drive_step, mask=inside, other=0.0)
        x1 = tl.load(drive + drive_at + (t + 1) * drive_step, mask=inside & second, other=0.0)
        if COUNT == 3:
            x2 = tl.load(drive + drive_at + (t + 2) * drive_step, mask=inside & third, other=0.0)

        s0 = spikes(u, threshold, real)
        u1 = _membrane(u, i, s0, b_, g_, threshold, RESET_ZERO)
        s1 = spikes(u1, threshold, real)
        at = here + t * step
        now = _send(s0, mask, mask_at + t * mask_step, inside, MASKED)
        tl.store(sent + at, now, mask=padded)
        now = _send(s1, mask, mask_at + (t + 1) * mask_step, inside & second, MASKED)
        tl.store(sent + at + step, now, mask=padded & second)
        if KEEP_POTENTIAL:
            tl.store(potential + at, u, mask=padded)
            tl.store(potential + at + step, u1, mask=padded & second)
        if RECURRENT:
            tl.debug_barrier()  # all threads of the program see the spikes
            p0, p1, p2 = products(
                sent,
                t - 1 if PREVIOUS else t,
                matrix,
                resident,
                b,
                n,
                batch,
                steps,
                width,
                pitch,
                1,
                COUNT,
                PRODUCT,
                PRECISION,
                BLOCK_B,
                BLOCK_N,
                BLOCK_K,
            )
            x0, x1, x2 = x0 + p0, x1 + p1, x2 + p2
        i1 = a_ * i + x0
        i2 = a_ * i1 + x1
        u2 = _membrane(u1, i1, s1, b_, g_, threshold, RESET_ZERO)
        count += s0 + tl.where(second, s1, 0.0)
        if KEEP_CURRENT:
            tl.store(current + at, i, mask=padded)
            tl.store(current + at + step, i1, mask=padded & second)
        if COUNT == 3:
            s2 = spikes(u2, threshold, real)
            now = _send(s2, mask, mask_at + (t + 2) * mask_step, inside & third, MASKED)
            tl.store(sent + at + 2 * step, now, mask=padded & third)
            if KEEP_POTENTIAL:
                tl.store(potential + at + 2 * step, u2, mask=padded & third)
            if KEEP_CURRENT:
                tl.store(current + at + 2 * step, i2, mask=padded & third)
            count += tl.where(third, s2, 0.0)
            u = _membrane(u2, i2, s2, b_, g_, threshold, RESET_ZERO)
            i = a_ * i2 + x2
        else:
            u = u2
            i = i2
    tl.store(counts + here, count, mask=padded)
