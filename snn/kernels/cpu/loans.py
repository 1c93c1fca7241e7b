"""Memory on loan: traces of the same size come back at every step of a training.

Fresh memory of many megabytes costs its page faults at each allocation, which takes longer than
the kernels need to fill it.
"""

from __future__ import annotations

import weakref
from collections import defaultdict

import torch
from torch import Tensor

_KEPT = 2
"""Free blocks of a size that are kept, enough for a training step with one graph alive."""

_free: defaultdict[int, list[Tensor]] = defaultdict(list)


def lend(size: int) -> Tensor:
    """An uninitialised tensor, uint8 ``[size]``, whose memory is used anew once it is freed.

    The memory returns when nothing refers to the tensor's storage any more, whoever held it last.
    """
    free = _free[size]
    block = free.pop() if free else torch.empty(size, dtype=torch.uint8)
    loan = block.numpy()  # alive as long as the storage of the tensor that is made of it
    weakref.finalize(loan, _take_back, block).atexit = False
    return torch.from_numpy(loan)


def _take_back(block: Tensor) -> None:
    free = _free[block.numel()]
    if len(free) < _KEPT:
        free.append(block)
