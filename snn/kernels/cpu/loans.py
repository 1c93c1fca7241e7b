"""Memory on loan: traces of about the same size come back at every step of a training.

Fresh memory of many megabytes costs its page faults at each allocation, which takes longer than
the kernels need to fill it. What is kept for the next step is bounded: the blocks that came back
last, as long as they are asked for.
"""

from __future__ import annotations

import itertools
import weakref

import torch
from torch import Tensor

KEPT = 4
"""Free blocks that are kept: two for a training step with a graph alive, of two batch sizes."""

IDLE = 64
"""Loans after which a free block is given up that was not among them."""

_free: dict[int, Tensor] = {}
"""By the number of the loan that they were, those that came back last at the end."""

_numbers = itertools.count()


def lend(size: int) -> Tensor:
    """An uninitialised tensor, uint8 ``[size]``, whose memory is used anew once it is freed.

    The memory returns when nothing refers to the tensor's storage any more, whoever held it last.

    Raises:
        MemoryError: there is not that much.
    """
    number, capacity = next(_numbers), rounded(size)
    block = _found(capacity)
    _forget(number)
    if block is None:
        try:
            block = torch.empty(capacity, dtype=torch.uint8)
        except RuntimeError as error:
            _free.clear()
            raise MemoryError(f"no {size} bytes for what the backward pass reads") from error
    loan = block.numpy()[:size]  # alive as long as the storage of the tensor that is made of it
    weakref.finalize(loan, _take_back, number, block).atexit = False
    return torch.from_numpy(loan)


def rounded(size: int) -> int:
    """The size of the block for a loan: up to an eighth more, so that others fit it too."""
    unit = 1 << max(size.bit_length() - 4, 6)
    return -(-size // unit) * unit


def kept_bytes() -> int:
    """Bytes that wait for a next loan."""
    return sum(block.numel() for block in list(_free.values()))


# A loan may end at any moment, in the middle of these functions too: each change of the dictionary
# is a single operation, and loops run over copies.


def _found(capacity: int) -> Tensor | None:
    for number, block in reversed(list(_free.items())):
        if block.numel() == capacity and _free.pop(number, None) is not None:
            return block
    return None


def _forget(now: int) -> None:
    for number in list(_free)[:-KEPT]:
        _free.pop(number, None)
    for number in list(_free):
        if number < now - IDLE:
            _free.pop(number, None)


def _take_back(number: int, block: Tensor) -> None:
    _free[number] = block
    for other in list(_free)[:-KEPT]:
        _free.pop(other, None)
