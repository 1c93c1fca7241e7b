"""A layer of LIF neurons backward, with what the forward pass kept."""

import triton
import triton.language as tl

from snn.kernels.gpu.tools import load_matrix, products, spikes, surrogate_derivative


@triton.jit
def _adjoint(
    u,
    i,
    s,
    g,
    gu,
    kept,
    from_counts,
    beta,
    gain,
    threshold,
    scale,
    RESET_ZERO: tl.constexpr,
    ATTACHED: tl.constexpr,
    SURROGATE: tl.constexpr,
):
    """Adjoint of ``U(t)``.

    ``g`` is the adjoint of the spikes S(t) but for counts and reset, ``gu`` that of ``U(t+1)``,
    ``kept`` the part of it that the reset lets through.
    """
    g = g + from_counts
    if ATTACHED:
        g = g - ((beta * u + gain * i) * gu if RESET_ZERO else threshold * gu)
    return surrogate_derivative(u - threshold, scale, SURROGATE) * g + beta * kept


@triton.jit
def _let_through(gu, s, RESET_ZERO: tl.constexpr):
    if RESET_ZERO:
        gu = gu * (1.0 - s)
    return gu


@triton.jit
def _incoming(g, p, mask, where, inside, MASKED: tl.constexpr):
    """Adjoint of spikes before dropout from those after it."""
    g = g + p
    if MASKED:
        g = g * tl.load(mask + where, mask=inside, other=0.0)
    return g


@triton.jit(do_not_specialize=["pitch"])
def lif_backward(
    potential,
    current,
    grad_sent,
    grad_counts,
    matrix,
    alpha,
    beta,
    gain,
    constants,
    mask,
    grad_drive,
    grad_constants,
    batch,
    steps,
    units,
    width,
    pitch,
    grad_t,
    grad_b,
    mask_t,
    mask_b,
    constants_m,
    grad_m,
    counts_m,
    mask_m,
    sent_m,
    TOGETHER: tl.constexpr,
    RECURRENT: tl.constexpr,
    PREVIOUS: tl.constexpr,
    RESET_ZERO: tl.constexpr,
    ATTACHED: tl.constexpr,
    MASKED: tl.constexpr,
    WITH_SENT: tl.constexpr,
    WITH_COUNTS: tl.constexpr,
    KEPT_CURRENT: tl.constexpr,
    LEARNED: tl.constexpr,
    SURROGATE: tl.constexpr,
    PRODUCT: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_B: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Adjoints of the drive, ``grad_drive`` ``[step, batch, width]``, latest step first.

    With ``g(X)`` the adjoint of X, ``D`` the surrogate derivative, m the dropout mask and
    ``K = 1 - S`` for a reset to zero, 1 for a subtractive one::

        g(h(t)) = g(I(t+1))
        g(I(t)) = alpha g(I(t+1)) + gain K(t) g(U(t+1))
        g(S(t)) = m(t) (g(sent(t)) + g(h(t+1)) V^T) + g(counts) [+ reset, if attached]
        g(U(t)) = D(U(t)) g(S(t)) + beta K(t) g(U(t+1))

    (``g(h(t))`` in place of ``g(h(t+1))`` if not PREVIOUS). As in the forward pass two or three
    steps share a product: ``g(I(t))`` needs no product of step t. ``matrix`` is V transposed.
    ``grad_constants`` ``[3, programs, width]`` gets each program's sums for alpha, beta and gain.
    TOGETHER is as in the forward pass.
    """
    if TOGETHER:
        model = tl.program_id(1).to(tl.int64)
        potential += model * sent_m
        current += model * sent_m
        grad_sent += model * grad_m
        grad_counts += model * counts_m
        matrix += model * width * width
        alpha += model * constants_m
        beta += model * constants_m
        gain += model * constants_m
        constants += model * 3
        mask += model * mask_m
        grad_drive += model * sent_m
        grad_constants += model * 3 * tl.num_programs(0) * width
    dtype = grad_drive.dtype.element_ty
    b = tl.program_id(0) * BLOCK_B + tl.arange(0, BLOCK_B)
    n = tl.arange(0, BLOCK_N)
    real = (n < units)[None, :]
    inside = (b < batch)[:, None] & real
    padded = (b < batch)[:, None] & (n < width)[None, :]
    a_ = tl.load(alpha + n, mask=n < units, other=0.0)[None, :]
    b_ = tl.load(beta + n, mask=n < units, other=0.0)[None, :]
    g_ = tl.load(gain + n, mask=n < units, other=0.0)[None, :]
    threshold = tl.load(constants)
    scale = tl.load(constants + 1)

    here = b[:, None].to(tl.int64) * width + n[None, :]
    step = tl.cast(batch, tl.int64) * width
    grad_at = b[:, None].to(tl.int64) * grad_b + n[None, :]
    grad_step = tl.cast(grad_t, tl.int64)
    mask_at = b[:, None].to(tl.int64) * mask_b + n[None, :]
    mask_step = tl.cast(mask_t, tl.int64)

    zero = tl.zeros((BLOCK_B, BLOCK_N), dtype)
    from_counts = zero
    if WITH_COUNTS:
        from_counts = tl.load(grad_counts + b[:, None] * units + n[None, :], inside, other=0.0)
    gu = zero  # adjoints of U(t+1) and I(t+1)
    gi = zero
    sum_a = zero
    sum_b = zero
    sum_g = zero
    i0 = zero
    i1 = zero
    i2 = zero
    u2 = zero
    g0 = zero
    g1 = zero
    g2 = zero
    p0 = zero
    p1 = zero
    p2 = zero
    COUNT: tl.constexpr = 3 if RECURRENT and PREVIOUS else 2
    resident = zero
    if PRODUCT == "resident":
        resident = load_matrix(matrix, tl.arange(0, BLOCK_K), n, width, pitch)
    for back in range(0, steps, COUNT):
        t = steps - 1 - back
        second, third = t >= 1, t >= 2
        at = here + t * step
        u0 = tl.load(potential + at, mask=padded, other=0.0)
        u1 = tl.load(potential + at - step, mask=padded & second, other=0.0)
        if COUNT == 3:
            u2 = tl.load(potential + at - 2 * step, mask=padded & third, other=0.0)
        if WITH_SENT:
            g0 = tl.load(grad_sent + grad_at + t * grad_step, mask=inside, other=0.0)
            g1 = tl.load(grad_sent + grad_at + (t - 1) * grad_step, inside & second, other=0.0)
            if COUNT == 3:
                g2 = tl.load(grad_sent + grad_at + (t - 2) * grad_step, inside & third, other=0.0)
        if KEPT_CURRENT:
            i0 = tl.load(current + at, mask=padded, other=0.0)
            i1 = tl.load(current + at - step, mask=padded & second, other=0.0)
            if COUNT == 3:
                i2 = tl.load(current + at - 2 * step, mask=padded & third, other=0.0)

        s0 = spikes(u0, threshold, real)
        k0 = _let_through(gu, s0, RESET_ZERO)
        gi1 = a_ * gi + g_ * k0
        tl.store(grad_drive + at, gi, mask=padded)
        tl.store(grad_drive + at - step, gi1, mask=padded & second)
        if RECURRENT:
            tl.debug_barrier()  # all threads of the program see the adjoints
            p0, p1, p2 = products(
                grad_drive,
                t + 1 if PREVIOUS else t,
                matrix,
                resident,
                b,
                n,
                batch,
                steps,
                width,
                pitch,
                -1,
                COUNT,
                PRODUCT,
                PRECISION,
                BLOCK_B,
                BLOCK_N,
                BLOCK_K,
            )
        g = _incoming(g0, p0, mask, mask_at + t * mask_step, inside, MASKED)
        gu1 = _adjoint(
            u0, i0, s0, g, gu, k0, from_counts, b_, g_, threshold, scale,
            RESET_ZERO, ATTACHED, SURROGATE,
        )  # fmt: skip
        s1 = spikes(u1, threshold, real)
        k1 = _let_through(gu1, s1, RESET_ZERO)
        gi2 = a_ * gi1 + g_ * k1
        g = _incoming(g1, p1, mask, mask_at + (t - 1) * mask_step, inside & second, MASKED)
        gu2 = _adjoint(
            u1, i1, s1, g, gu1, k1, from_counts, b_, g_, threshold, scale,
            RESET_ZERO, ATTACHED, SURROGATE,
        )  # fmt: skip
        if LEARNED:  # potentials and currents before the first step are loaded as 0
            sum_a += gi * i0 + gi1 * i1
            sum_b += k0 * u0 + k1 * u1
            sum_g += k0 * i0 + k1 * i1
        if COUNT == 3:
            tl.store(grad_drive + at - 2 * step, gi2, mask=padded & third)
            s2 = spikes(u2, threshold, real)
            k2 = _let_through(gu2, s2, RESET_ZERO)
            g = _incoming(g2, p2, mask, mask_at + (t - 2) * mask_step, inside & third, MASKED)
            gu = _adjoint(
                u2, i2, s2, g, gu2, k2, from_counts, b_, g_, threshold, scale,
                RESET_ZERO, ATTACHED, SURROGATE,
            )  # fmt: skip
            gi = a_ * gi2 + g_ * k2
            if LEARNED:
                sum_a += gi2 * i2
                sum_b += k2 * u2
                sum_g += k2 * i2
        else:
            gu = gu2
            gi = gi2
    if LEARNED:
        program = tl.program_id(0).to(tl.int64)
        layer = tl.num_programs(0).to(tl.int64) * width
        out = grad_constants + program * width + n
        tl.store(out, tl.sum(sum_a, 0), mask=n < width)
        tl.store(out + layer, tl.sum(sum_b, 0), mask=n < width)
        tl.store(out + 2 * layer, tl.sum(sum_g, 0), mask=n < width)
