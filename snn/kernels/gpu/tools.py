"""Device functions that several kernels share."""

import triton
import triton.language as tl


@triton.jit
def surrogate_derivative(x, scale, SURROGATE: tl.constexpr):
    """d(spike)/dx at ``x = U - threshold``; the table of :mod:`snn.neurons.surrogate`."""
    if SURROGATE == "fast_sigmoid":
        y = scale * tl.abs(x) + 1.0
        d = 1.0 / (y * y)
    elif SURROGATE == "boxcar":
        d = tl.where(tl.abs(x) <= 0.5 / scale, 1.0, 0.0).to(x.dtype)
    elif SURROGATE == "atan":
        y = 1.5707963267948966 * scale * x
        d = 1.0 / (y * y + 1.0)
    elif SURROGATE == "triangular":
        d = tl.maximum(1.0 - scale * tl.abs(x), 0.0)
    elif SURROGATE == "exponential":
        d = tl.exp(-scale * tl.abs(x))
    elif SURROGATE == "sigmoid":
        e = tl.exp(-scale * tl.abs(x))  # symmetric in x, so that it never overflows
        d = 4.0 * e / ((1.0 + e) * (1.0 + e))
    else:
        tl.static_assert(SURROGATE == "gaussian", "a surrogate without a kernel")
        y = scale * x
        d = tl.exp(-y * y)
    return d


@triton.jit
def spikes(u, threshold, real):
    """1 where a membrane potential exceeds its threshold, of ``real`` units alone."""
    return tl.where((u - threshold > 0.0) & real, 1.0, 0.0).to(u.dtype)


@triton.jit
def load_matrix(matrix, k, n, width, pitch):
    """A tile ``matrix[k, n]`` of a square matrix that is padded with zeros up to ``width``.

    ``pitch`` is ``width`` again. The compiler is not told that it is a multiple of 16, so that it
    gives whole columns to threads and the sum over k stays inside of each. Told, it would load
    four columns at a time and then move every tile through shared memory, with barriers.
    """
    inside = (k[:, None] < width) & (n[None, :] < width)
    where = matrix + k[:, None] * pitch + n[None, :]
    return tl.load(where, mask=inside, other=0.0, eviction_policy="evict_last")


@triton.jit
def _rows(buffer, t, b, k, batch, steps, width):
    """Rows ``buffer[t, b, k]``, ``[BLOCK_B, BLOCK_K]``; zero outside of the sequence."""
    inside = (b[:, None] < batch) & (k[None, :] < width) & (t >= 0) & (t < steps)
    row = tl.cast(batch, tl.int64) * t + b[:, None]
    return tl.load(buffer + row * width + k[None, :], mask=inside, other=0.0)


@triton.jit
def _dot(a, b, acc, PRECISION: tl.constexpr):
    if PRECISION == "bf16":
        acc = tl.dot(a.to(tl.bfloat16), b.to(tl.bfloat16), acc)
    else:
        acc = tl.dot(a, b, acc, input_precision=PRECISION, out_dtype=acc.dtype)
    return acc


@triton.jit
def _accumulate(acc, rows, tile, DOT: tl.constexpr, PRECISION: tl.constexpr):
    """``acc + rows @ tile``."""
    if DOT:
        acc = _dot(rows, tile, acc, PRECISION)
    else:
        acc += tl.sum(rows[:, :, None] * tile[None, :, :], 1)
    return acc


@triton.jit
def products(
    buffer,
    t,
    matrix,
    resident,
    b,
    n,
    batch,
    steps,
    width,
    pitch,
    STRIDE: tl.constexpr,
    COUNT: tl.constexpr,
    PRODUCT: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_B: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """``buffer[t + i * STRIDE] @ matrix`` for i from 0 to COUNT, at most 3.

    These steps do not depend on each other, so that each tile of the matrix is read once for all.
    Rows come from global memory, into which the caller has put them before a barrier.
    """
    dtype = matrix.dtype.element_ty
    k = tl.arange(0, BLOCK_K)
    p0 = tl.zeros((BLOCK_B, BLOCK_N), dtype)
    p1 = tl.zeros((BLOCK_B, BLOCK_N), dtype)
    p2 = tl.zeros((BLOCK_B, BLOCK_N), dtype)
    DOT: tl.constexpr = PRODUCT == "dot"
    if PRODUCT == "resident":
        r = _rows(buffer, t, b, k, batch, steps, width)
        p0 = _accumulate(p0, r, resident, DOT, PRECISION)
        if COUNT >= 2:
            r = _rows(buffer, t + STRIDE, b, k, batch, steps, width)
            p1 = _accumulate(p1, r, resident, DOT, PRECISION)
        if COUNT == 3:
            r = _rows(buffer, t + 2 * STRIDE, b, k, batch, steps, width)
            p2 = _accumulate(p2, r, resident, DOT, PRECISION)
    else:
        for start in range(0, width, BLOCK_K):
            tile = load_matrix(matrix, start + k, n, width, pitch)
            r0 = _rows(buffer, t, b, start + k, batch, steps, width)
            p0 = _accumulate(p0, r0, tile, DOT, PRECISION)
            if COUNT >= 2:
                r1 = _rows(buffer, t + STRIDE, b, start + k, batch, steps, width)
                p1 = _accumulate(p1, r1, tile, DOT, PRECISION)
            if COUNT == 3:
                r2 = _rows(buffer, t + 2 * STRIDE, b, start + k, batch, steps, width)
                p2 = _accumulate(p2, r2, tile, DOT, PRECISION)
    return p0, p1, p2
