"""How fast a step could be: the work that the event-driven algorithm cannot avoid, at the rates
that this machine reaches with such work.

- The dense product of adjoints with ``[V | W']``, ``2 B T H (H + C)`` operations, at the rate of
  ``torch.mm`` with matrices of these shapes.
- Rows that must be read: a weight row for each event on the way forward, an adjoint row on the way
  back, each as wide as the layer that it goes to.
- Potentials and adjoint rows of each neuron and step, written once and read once.
- What Adam reads and writes: seven numbers per parameter.

Traffic is counted at the rate at which one thread copies a block as large as ``[V | W']``, or reads
it in a scalar product, whichever is faster, times the number of threads: everything is assumed to
come from a core's own cache, nothing from memory. All rates are the best of many repeats, and
nothing is added for arithmetic, spikes, surrogates or Python.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.workloads import Problem

_FLOAT = 4
_REPEATS = 200


class Floor(NamedTuple):
    """Milliseconds of one training step."""

    product: float
    traffic: float
    gflops: float
    """Rate of the product."""
    gigabytes: float
    """Rate of the traffic per second."""

    @property
    def total(self) -> float:
        return self.product + self.traffic


def _best(work: Callable[[], object]) -> float:
    """Seconds of the fastest of many repeats."""
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _count(x: Tensor) -> float:
    return float(x.double().sum())


def floor(problem: Problem) -> Floor:
    """The floor of a training step, with the threads that torch has now."""
    w = problem.workload
    with torch.no_grad():
        trace = problem.network("einsum").trace(problem.x)
    hidden, into = _count(trace.spikes[0]), _count(trace.input)
    rows = w.batch * w.steps
    out = w.hidden + w.classes  # width of [V | W']
    a, b = torch.randn(2048, out), torch.randn(out, w.hidden)
    flops = 2 * rows * out * w.hidden
    gflops = 2e-9 * a.shape[0] * out * w.hidden / _best(lambda: a @ b)

    numbers = 2 * (into * w.hidden + hidden * out)
    numbers += 2 * rows * (w.hidden + out)
    if w.analog:
        numbers += 2 * rows * 2 * w.inputs  # potentials and adjoints of the encoder
        product = 2 * rows * w.hidden * w.inputs  # adjoints of its spikes
        flops += product
    numbers += 7 * sum(p.numel() for p in problem.network("einsum").parameters())
    gigabytes = _cache_rate(w.hidden * out)
    return Floor(1e-6 * flops / gflops, 1e-6 * _FLOAT * numbers / gigabytes, gflops, gigabytes)


def _cache_rate(size: int) -> float:
    """Gigabytes per second that all threads together read and write in blocks of ``size``."""
    threads = torch.get_num_threads()
    a, b = torch.randn(2, size)
    torch.set_num_threads(1)
    try:
        seconds = min(_best(lambda: a.copy_(b)), _best(lambda: a.dot(b)))
    finally:
        torch.set_num_threads(threads)
    return 2e-9 * _FLOAT * size * threads / seconds
