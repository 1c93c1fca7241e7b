"""Element-wise recursions over time: the leaky readout and the encoder of analog signals.

A program takes a block of samples through all steps. Loads of four steps are issued together,
since each of them takes longer than the arithmetic of a step.
"""

import triton
import triton.language as tl

from snn.kernels.gpu.tools import spikes, surrogate_derivative


@triton.jit
def readout_forward(
    drive, alpha, beta, gain, trace, batch, steps, units, drive_t, drive_b, drive_m, trace_m,
    TOGETHER: tl.constexpr, BLOCK_B: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """``o(0) ... o(T)`` of :mod:`snn.neurons.readout` into ``[batch, step + 1, class]``.

    TOGETHER, every tensor has an axis of models before its own, and the grid a second one.
    """
    if TOGETHER:
        model = tl.program_id(1).to(tl.int64)
        drive += model * drive_m
        alpha += model * units
        beta += model * units
        gain += model * units
        trace += model * trace_m
    b = tl.program_id(0) * BLOCK_B + tl.arange(0, BLOCK_B)
    n = tl.arange(0, BLOCK_N)
    inside = (b < batch)[:, None] & (n < units)[None, :]
    a_ = tl.load(alpha + n, mask=n < units, other=0.0)[None, :]
    b_ = tl.load(beta + n, mask=n < units, other=0.0)[None, :]
    g_ = tl.load(gain + n, mask=n < units, other=0.0)[None, :]
    source = drive + b[:, None].to(tl.int64) * drive_b + n[None, :]
    step = tl.cast(drive_t, tl.int64)
    out = trace + b[:, None].to(tl.int64) * (steps + 1) * units + n[None, :]
    f = tl.zeros((BLOCK_B, BLOCK_N), trace.dtype.element_ty)
    o = f
    tl.store(out, o, mask=inside)
    for t in range(0, steps, 4):
        h0 = tl.load(source + t * step, mask=inside, other=0.0)
        h1 = tl.load(source + (t + 1) * step, mask=inside & (t + 1 < steps), other=0.0)
        h2 = tl.load(source + (t + 2) * step, mask=inside & (t + 2 < steps), other=0.0)
        h3 = tl.load(source + (t + 3) * step, mask=inside & (t + 3 < steps), other=0.0)
        o = b_ * o + g_ * f
        f = a_ * f + h0
        tl.store(out + (t + 1) * units, o, mask=inside)
        o = b_ * o + g_ * f
        f = a_ * f + h1
        tl.store(out + (t + 2) * units, o, mask=inside & (t + 1 < steps))
        o = b_ * o + g_ * f
        f = a_ * f + h2
        tl.store(out + (t + 3) * units, o, mask=inside & (t + 2 < steps))
        o = b_ * o + g_ * f
        f = a_ * f + h3
        tl.store(out + (t + 4) * units, o, mask=inside & (t + 3 < steps))


@triton.jit
def readout_backward(
    grad_trace, alpha, beta, gain, grad_drive, batch, steps, units, drive_m,
    TOGETHER: tl.constexpr, BLOCK_B: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Adjoint of the drive, ``[step, batch, class]``, from that of the trace.

    ``g(f(t)) = alpha g(f(t+1)) + gain g(o(t+1))`` and ``g(h(t)) = g(f(t+1))``, with
    ``g(o(t)) = g(trace(t)) + beta g(o(t+1))``. TOGETHER is as in the forward pass.
    """
    if TOGETHER:
        model = tl.program_id(1).to(tl.int64)
        grad_trace += model * batch * (steps + 1) * units
        alpha += model * units
        beta += model * units
        gain += model * units
        grad_drive += model * drive_m
    b = tl.program_id(0) * BLOCK_B + tl.arange(0, BLOCK_B)
    n = tl.arange(0, BLOCK_N)
    inside = (b < batch)[:, None] & (n < units)[None, :]
    a_ = tl.load(alpha + n, mask=n < units, other=0.0)[None, :]
    b_ = tl.load(beta + n, mask=n < units, other=0.0)[None, :]
    g_ = tl.load(gain + n, mask=n < units, other=0.0)[None, :]
    source = grad_trace + b[:, None].to(tl.int64) * (steps + 1) * units + n[None, :]
    out = grad_drive + b[:, None] * units + n[None, :]
    row = tl.cast(batch, tl.int64) * units
    go = tl.zeros((BLOCK_B, BLOCK_N), grad_drive.dtype.element_ty)
    gf = go
    for back in range(0, steps, 4):
        t = steps - 1 - back
        h0 = tl.load(source + (t + 1) * units, mask=inside, other=0.0)
        h1 = tl.load(source + t * units, mask=inside & (t >= 1), other=0.0)
        h2 = tl.load(source + (t - 1) * units, mask=inside & (t >= 2), other=0.0)
        h3 = tl.load(source + (t - 2) * units, mask=inside & (t >= 3), other=0.0)
        tl.store(out + t * row, gf, mask=inside)
        go = h0 + b_ * go
        gf = a_ * gf + g_ * go
        tl.store(out + (t - 1) * row, gf, mask=inside & (t >= 1))
        go = h1 + b_ * go
        gf = a_ * gf + g_ * go
        tl.store(out + (t - 2) * row, gf, mask=inside & (t >= 2))
        go = h2 + b_ * go
        gf = a_ * gf + g_ * go
        tl.store(out + (t - 3) * row, gf, mask=inside & (t >= 3))
        go = h3 + b_ * go
        gf = a_ * gf + g_ * go


@triton.jit
def encoder_forward(
    currents, beta, constants, sent, potential, batch, steps, units, width, current_b, current_t,
    KEEP: tl.constexpr, BLOCK_B: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Spikes and potentials ``[step, batch, width]`` of :mod:`snn.neurons.current_encoder`."""
    b = tl.program_id(0) * BLOCK_B + tl.arange(0, BLOCK_B)
    n = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    real = (n < units)[None, :]
    inside = (b < batch)[:, None] & real
    padded = (b < batch)[:, None] & (n < width)[None, :]
    b_ = tl.load(beta + n, mask=n < units, other=0.0)[None, :]
    threshold = tl.load(constants)
    source = currents + b[:, None].to(tl.int64) * current_b + n[None, :]
    here = b[:, None].to(tl.int64) * width + n[None, :]
    row = tl.cast(batch, tl.int64) * width
    e = tl.zeros((BLOCK_B, BLOCK_N), sent.dtype.element_ty)
    before = e
    for t in range(0, steps):
        c = tl.load(source + t * current_t, mask=inside, other=0.0)
        z = spikes(e, threshold, real)
        tl.store(sent + here + t * row, z, mask=padded)
        if KEEP:
            tl.store(potential + here + t * row, e, mask=padded)
        e = (b_ * e + (1.0 - b_) * c) * (1.0 - before)
        before = z


@triton.jit
def encoder_backward(
    potential, grad_sent, beta, constants, grad_currents, batch, steps, units, width,
    grad_t, grad_b,
    SURROGATE: tl.constexpr, BLOCK_B: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Adjoint of the currents, ``[batch, step, unit]``; the reset has no gradient.

    ``g(c(t)) = (1 - beta) K(t) g(E(t+1))`` and ``g(E(t)) = D(E(t)) g(Z(t)) + beta K(t) g(E(t+1))``
    with ``K(t) = 1 - Z(t-1)``.
    """
    b = tl.program_id(0) * BLOCK_B + tl.arange(0, BLOCK_B)
    n = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    real = (n < units)[None, :]
    inside = (b < batch)[:, None] & real
    b_ = tl.load(beta + n, mask=n < units, other=0.0)[None, :]
    threshold = tl.load(constants)
    scale = tl.load(constants + 1)
    source = potential + b[:, None].to(tl.int64) * width + n[None, :]
    row = tl.cast(batch, tl.int64) * width
    incoming = grad_sent + b[:, None].to(tl.int64) * grad_b + n[None, :]
    step = tl.cast(grad_t, tl.int64)
    out = grad_currents + b[:, None].to(tl.int64) * steps * units + n[None, :]
    ge = tl.zeros((BLOCK_B, BLOCK_N), grad_currents.dtype.element_ty)
    e = tl.load(source + (steps - 1) * row, mask=inside, other=0.0)
    for back in range(0, steps):
        t = steps - 1 - back
        earlier = tl.load(source + (t - 1) * row, mask=inside & (t >= 1), other=0.0)
        g = tl.load(incoming + t * step, mask=inside, other=0.0)
        before = tl.where(t >= 1, spikes(earlier, threshold, real), 0.0)
        kept = ge * (1.0 - before)
        tl.store(out + t * units, (1.0 - b_) * kept, mask=inside)
        ge = surrogate_derivative(e - threshold, scale, SURROGATE) * g + b_ * kept
        e = earlier
