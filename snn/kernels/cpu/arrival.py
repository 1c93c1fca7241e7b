"""Delays on the way into a layer, compiled (``snn/kernels/cpu/cpp/arrival.hpp``)."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snn.kernels.cpu.call import in_memory
from snn.kernels.cpu.library import loaded


class Arrival(torch.autograd.Function):
    """:func:`snn.neurons.delays.delayed` of a sequence that nothing came before."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor) -> Tensor:
        x, taps = in_memory(x), in_memory(taps)
        ctx.save_for_backward(x, taps)
        arriving = torch.empty_like(x)
        _run(loaded().arrive, x, taps, [x, taps, arriving])
        return arriving

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, taps = ctx.saved_tensors
        of_x, of_taps = ctx.needs_input_grad
        grad_x = torch.empty_like(x) if of_x else None
        grad_taps = torch.zeros_like(taps) if of_taps else None
        tensors = [x, taps, in_memory(grad), grad_x, grad_taps]
        _run(loaded().arrive_backward, x, taps, tensors)
        return grad_x, grad_taps


def _run(functions: dict[int, Any], x: Tensor, taps: Tensor, tensors: list[Tensor | None]) -> None:
    pointers = [None if t is None else ctypes.c_void_p(t.data_ptr()) for t in tensors]
    sizes = [*x.shape, len(taps), torch.get_num_threads()]
    functions[x.element_size()](*pointers, *map(ctypes.c_int64, sizes))
