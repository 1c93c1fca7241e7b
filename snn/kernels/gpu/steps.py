"""Training steps as CUDA graphs: loss and gradients of a batch in one launch.

A training step of these networks is some eighty kernels that a GPU runs in a millisecond; to launch
them one by one takes the host several times as long. The second time that a step is asked for
with the same sizes, settings and memory, it is captured, and from then on replayed.
"""

from __future__ import annotations

import logging
import os
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from snn.events import EventBatch
from snn.kernels.gpu.graphs import Captured, Tensors, capture, signature

log = logging.getLogger(__name__)

MOST = 8
"""Steps that are remembered for each network; a captured one holds the memory of its tensors."""

Input = EventBatch | Tensor
Objective = Callable[[Input, Tensor], tuple[Tensor, ...]]
"""From input and labels to the loss and to results that have no gradient."""


@dataclass
class _Seen:
    source: Callable[[], object]
    """The event store, if it still exists."""
    step: Captured | None = None


_seen: WeakKeyDictionary[nn.Module, OrderedDict[Hashable, _Seen]] = WeakKeyDictionary()
_refused: weakref.WeakSet[nn.Module] = weakref.WeakSet()


def _varying(x: Input) -> Tensor:
    """What differs between batches: signals, or which samples of the store."""
    return x if isinstance(x, Tensor) else x.index


def usable(device: torch.device) -> bool:
    """Whether steps are captured on a device; ``SNN_GPU_GRAPHS=0`` switches it off."""
    return (
        device.type == "cuda"
        and os.environ.get("SNN_GPU_GRAPHS", "1") != "0"
        and not torch.cuda.is_current_stream_capturing()
    )


def captured(
    owner: nn.Module,
    settings: Hashable,
    objective: Objective,
    parameters: Sequence[Tensor],
    x: Input,
    labels: Tensor,
) -> tuple[Tensor, ...] | None:
    """What the objective returns, from a graph; the loss has gradients of the parameters.

    The results, the order of random numbers included, are those of the objective itself.

    Args:
        owner: whose steps these are; they are forgotten with it.
        settings: everything else that decides which kernels run with which numbers.
        objective: waits for no value on the device, and reads what changes from the parameters,
            the owner's buffers and its arguments alone.
        parameters: all of the owner's, where they are in memory.
        x: input; events must lie in a store that many batches share.
        labels: int64 ``[batch]``.

    Returns:
        None where there is no graph yet, or never will be: then call the objective.
    """
    wanted = [p for p in parameters if p.requires_grad]
    refused = not wanted or owner in _refused or _varying(x).requires_grad
    if refused or not usable(labels.device):
        return None
    source = x if isinstance(x, Tensor) else x.store
    memory = [t.data_ptr() for t in (*parameters, *owner.buffers())]
    key = (settings, *memory, signature(_varying(x)), signature(labels))
    key = key if source is x else (*key, id(source))
    seen = _seen.setdefault(owner, OrderedDict())
    found = seen.get(key)
    if found is None or (source is not x and found.source() is not source):
        seen[key] = _Seen(weakref.ref(source))
        while len(seen) > MOST:
            seen.popitem(last=False)
        return None
    seen.move_to_end(key)
    if found.step is None:
        try:
            with torch.cuda.device_of(labels):
                found.step = capture(_with_gradients(objective, wanted, x), _varying(x), labels)
        except RuntimeError as error:  # of CUDA, or out of memory
            _refused.add(owner)
            said = (str(error).splitlines() or [type(error).__name__])[0]
            log.warning("training steps are launched kernel by kernel: no CUDA graph: %s", said)
            return None
        log.info("training steps of %d samples are replayed from a CUDA graph", len(labels))
    return _Replay.apply(found.step, _varying(x), labels, *wanted)


def _with_gradients(
    objective: Objective, parameters: Sequence[Tensor], x: Input
) -> Callable[[Tensor, Tensor], Tensors]:
    """Results of the objective, then gradients; of what varies in ``x``, and of labels."""

    def run(varying: Tensor, labels: Tensor) -> Tensors:
        here = varying if isinstance(x, Tensor) else replace(x, index=varying)
        outputs = objective(here, labels)
        grads = torch.autograd.grad(outputs[0], parameters, allow_unused=True)
        return *(out.detach() for out in outputs), *grads

    return run


class _Replay(torch.autograd.Function):
    """Results of a replay, with gradients of the first."""

    @staticmethod
    def forward(ctx, step: Captured, varying: Tensor, labels: Tensor, *parameters: Tensor):
        with torch.cuda.device_of(labels):
            results = step(varying, labels)
        ctx.grads = results[-len(parameters) :]
        outputs = results[: -len(parameters)]
        ctx.mark_non_differentiable(*outputs[1:])
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_loss: Tensor, *_):
        grads = [None if grad is None else grad * grad_loss for grad in ctx.grads]
        return None, None, None, *grads
