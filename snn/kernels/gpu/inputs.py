"""Input currents ``x @ W`` of events, by sums of weight rows or by a dense product."""

from __future__ import annotations

from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snn.events import EventBatch, EventStore
from snn.kernels import faults
from snn.kernels.gpu import events as kernels
from snn.kernels.gpu.tiling import input_mode, power_of_two

_most_events: WeakKeyDictionary[EventStore, int] = WeakKeyDictionary()


_sound: WeakSet[EventStore] = WeakSet()


def require_sound(x: EventBatch) -> None:
    """Check what kernels follow as addresses: a store once, an index of the CPU at each call.

    An index on the GPU is not looked at, for which the host would have to wait.

    Raises:
        ValueError: row bounds descend, or lie outside of the events.
        IndexError: an event names no unit, or the index no sample.
    """
    store = x.store
    if store not in _sound and not (x.device.type == "cuda" and _recorded()):
        bounds, units = store.indptr, store.units
        ordered = bounds[0] >= 0 and bounds[-1] <= store.nb_events
        if not (ordered and (bounds[1:] >= bounds[:-1]).all()):
            raise faults.damaged_rows()
        if units.numel() and (units.min() < 0 or units.max() >= store.nb_units):
            raise faults.unknown_unit(store.nb_units)
        _sound.add(store)
    if x.index.device.type == "cpu" and x.index.numel():
        low, high = x.index.aminmax()
        if low < 0 or high >= store.nb_samples:
            raise faults.unknown_sample(x.index, store.nb_samples)


def _recorded() -> bool:
    return torch.cuda.is_current_stream_capturing()


def currents(x: EventBatch, weight: Tensor) -> Tensor:
    """``x @ weight`` with a gradient of the weight, ``[step, batch, unit]``."""
    store = x.store
    rows = max(store.nb_samples * store.nb_steps, 1)
    if input_mode(store.nb_events / rows, store.nb_units) == "events":
        return _EventCurrents.apply(x, weight)
    dense = dense_counts(x, weight.dtype)
    return (dense.flatten(0, 1) @ weight).unflatten(0, dense.shape[:2])


def dense_counts(x: EventBatch, dtype: torch.dtype) -> Tensor:
    """Spike counts ``[step, batch, unit]``; the host need not wait for their number."""
    steps, batch, inputs = x.nb_steps, len(x), x.nb_units
    dense = torch.zeros(steps, batch, inputs, dtype=dtype, device=x.device)
    if dense.numel():
        with torch.cuda.device_of(dense):
            kernels.dense_from_events[(steps * batch,)](
                x.store.indptr, x.store.units, x.index, dense, batch, steps, inputs,
                BLOCK_K=32, num_warps=1,
            )  # fmt: skip
    return dense


class _EventCurrents(torch.autograd.Function):
    """Sums of weight rows; the gradient as sums of adjoints at the events of each input."""

    @staticmethod
    def forward(ctx, x: EventBatch, weight: Tensor) -> Tensor:
        ctx.x, ctx.inputs = x, weight.shape[0]
        steps, batch, units = x.nb_steps, len(x), weight.shape[1]
        drive = weight.new_empty(steps, batch, units)
        block = min(power_of_two(units, 32), 256)
        if drive.numel():
            with torch.cuda.device_of(drive):
                kernels.currents_from_events[(steps * batch, -(-units // block))](
                    x.store.indptr, x.store.units, x.index, weight.detach().contiguous(), drive,
                    batch, steps, weight.shape[0], units,
                    BLOCK_K=4, BLOCK_N=block, num_warps=max(block // 64, 1),
                )  # fmt: skip
        return drive

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[None, Tensor]:
        x, inputs, units = ctx.x, ctx.inputs, grad.shape[2]
        if grad.stride(2) != 1 or grad.stride(0) != len(x) * grad.stride(1):
            grad = grad.contiguous()
        bounds, rows = sorted_events(x)
        weight = grad.new_empty(inputs, units)
        block = min(power_of_two(units, 32), 256)
        if weight.numel():
            with torch.cuda.device_of(grad):
                kernels.weight_gradient[(inputs, -(-units // block))](
                    bounds, rows, grad, weight, units, grad.stride(1),
                    BLOCK_K=16, BLOCK_N=block, num_warps=max(block // 64, 1),
                )  # fmt: skip
        return None, weight


def _capacity(store: EventStore) -> int:
    """The most events that a sample has: looked up once for each store."""
    if store not in _most_events:
        counts = store.counts()
        _most_events[store] = int(counts.max()) if counts.numel() else 0
    return _most_events[store]


def sorted_events(x: EventBatch) -> tuple[Tensor, Tensor]:
    """The batch's events sorted by input, in a shape that the host knows beforehand.

    Returns:
        Bounds ``[input + 1]`` of each input's part of the rows, and rows ``step * batch + sample``,
        ``[batch * most events of a sample]``; those past the last bound are meaningless.
    """
    store, steps, batch = x.store, x.nb_steps, len(x)
    begin = store.indptr[x.index * steps]
    count = store.indptr[(x.index + 1) * steps] - begin
    slot = torch.arange(_capacity(store), device=x.device)
    real = slot < count[:, None]  # [batch, slot]
    position = torch.where(real, begin[:, None] + slot, 0)
    unit = store.units[position].int() if store.nb_events else position.int()
    unit = torch.where(real, unit, store.nb_units)  # past all inputs
    row = torch.searchsorted(store.indptr, position, right=True) - 1
    row = (row - (x.index * steps)[:, None]) * batch + torch.arange(batch, device=x.device)[:, None]
    unit, order = unit.flatten().sort(stable=True)
    inputs = torch.arange(store.nb_units + 1, device=x.device, dtype=unit.dtype)
    return torch.searchsorted(unit, inputs), row.flatten()[order]
