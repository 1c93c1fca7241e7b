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

from snn.events import EventBatch, EventStore
from snn.kernels.gpu.graphs import Captured, Tensors, capture, signature

log = logging.getLogger(__name__)

MOST = 8
"""Steps that are remembered for each network; a captured one holds the memory of its tensors."""

Input = EventBatch | Tensor
Objective = Callable[[Input, Tensor], tuple[Tensor, ...]]
"""From input and labels to the loss and to results that have no gradient."""


@dataclass
class _Seen:
    sources: list[Callable[[], object]]
    """The event stores, as long as they exist."""
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
    if not wanted:
        return None

    def run(xs: Sequence[Input], labels: Sequence[Tensor]) -> Tensors:
        outputs = objective(xs[0], labels[0])
        grads = torch.autograd.grad(outputs[0], wanted, allow_unused=True)
        return *(out.detach() for out in outputs), *grads

    memory = [*parameters, *owner.buffers()]
    results = replayed(owner, settings, run, memory, [x], [labels])
    if results is None:
        return None
    nb_outputs = len(results) - len(wanted)
    return with_gradients(results[:nb_outputs], results[nb_outputs:], wanted)


def replayed(
    owner: nn.Module,
    settings: Hashable,
    run: Callable[[Sequence[Input], Sequence[Tensor]], Tensors],
    memory: Sequence[Tensor],
    xs: Sequence[Input],
    labels: Sequence[Tensor],
) -> Tensors | None:
    """What ``run`` returns, from a graph.

    Args:
        owner: as of :func:`captured`.
        settings: likewise.
        run: from inputs and labels to tensors without gradients.
        memory: tensors beside those that it reads.
        xs: inputs, each as of :func:`captured`.
        labels: of each.

    Returns:
        None where there is no graph yet, or never will be.
    """
    device = labels[0].device
    refused = owner in _refused or any(_varying(x).requires_grad for x in xs)
    if refused or not usable(device):
        return None
    stores = [None if isinstance(x, Tensor) else x.store for x in xs]
    varying = [*(_varying(x) for x in xs), *labels]
    place = [t.data_ptr() for t in memory]
    key = (settings, *place, *map(signature, varying), *(id(store) for store in stores))
    seen = _seen.setdefault(owner, OrderedDict())
    found = seen.get(key)
    if found is None or any(f() is not s for f, s in zip(found.sources, stores, strict=True)):
        seen[key] = _Seen([_reference(store) for store in stores])
        while len(seen) > MOST:
            seen.popitem(last=False)
        return None
    seen.move_to_end(key)
    if found.step is None:

        def of_varying(*tensors: Tensor) -> Tensors:
            here = [
                t if isinstance(x, Tensor) else replace(x, index=t)
                for x, t in zip(xs, tensors, strict=False)
            ]
            return run(here, tensors[len(xs) :])

        try:
            with torch.cuda.device_of(labels[0]):
                found.step = capture(of_varying, *varying)
        except RuntimeError as error:  # of CUDA, or out of memory
            _refused.add(owner)
            said = (str(error).splitlines() or [type(error).__name__])[0]
            log.warning("training steps are launched kernel by kernel: no CUDA graph: %s", said)
            return None
        of_each = f"{len(labels[0])} samples" + (f" of {len(xs)} networks" if len(xs) > 1 else "")
        log.info("training steps of %s are replayed from a CUDA graph", of_each)
    with torch.no_grad(), torch.cuda.device_of(labels[0]):
        return found.step(*varying)


def _nothing() -> None:
    return None


def _reference(store: EventStore | None) -> Callable[[], object]:
    return _nothing if store is None else weakref.ref(store)


def with_gradients(
    outputs: Sequence[Tensor], grads: Sequence[Tensor | None], parameters: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """The outputs, the first of which has these gradients of the parameters."""
    return _Computed.apply(outputs, grads, *parameters)


class _Computed(torch.autograd.Function):
    """Results that were computed with their gradients."""

    @staticmethod
    def forward(ctx, outputs: Sequence[Tensor], grads: Sequence[Tensor | None], *_):
        ctx.grads = grads
        outputs = tuple(outputs)
        ctx.mark_non_differentiable(*outputs[1:])
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_loss: Tensor, *_):
        grads = [None if grad is None else grad * grad_loss for grad in ctx.grads]
        return None, None, *grads
