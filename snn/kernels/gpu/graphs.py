"""Captured CUDA graphs: a sequence of kernels that is launched as one.

A loop over time in PyTorch operations costs a launch for each of its operations. Captured once
and replayed, it costs one launch, and what is left is the time of the kernels themselves.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

MOST = 8
"""Graphs that are kept; each one holds the memory of its inputs, outputs and temporaries."""

Tensors = tuple[Tensor | None, ...]


@dataclass
class Captured:
    """A function's kernels, with the tensors that they read and write."""

    graph: torch.cuda.CUDAGraph
    inputs: Tensors
    outputs: Tensors

    def __call__(self, *tensors: Tensor | None) -> Tensors:
        """The function of other tensors of the same shapes."""
        for here, given in zip(self.inputs, tensors, strict=True):
            if here is not None:
                here.copy_(given)
        self.graph.replay()
        # copied out, since the next replay writes to the same memory
        return tuple(None if out is None else out.clone() for out in self.outputs)


_graphs: OrderedDict[Hashable, Captured] = OrderedDict()


def signature(x: Tensor | None) -> Hashable:
    """What tensors must have in common to be given to one graph."""
    return None if x is None else (x.shape, x.dtype, x.device)


def capture(function: Callable[..., Tensors], *tensors: Tensor | None) -> Captured:
    """Capture a function that launches the same kernels whatever the values."""
    inputs = tuple(None if x is None else x.detach().contiguous().clone() for x in tensors)
    graph, outputs = _record(partial(function, *inputs))
    return Captured(graph, inputs, outputs)


def _record(run: Callable[[], Tensors]) -> tuple[torch.cuda.CUDAGraph, Tensors]:
    """A graph of a function's kernels on the current device, and the function's results."""
    random = torch.cuda.get_rng_state()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    try:
        with torch.cuda.stream(side):
            run()  # libraries set themselves up outside of the capture
    finally:  # not a number is drawn more than without graphs
        torch.cuda.set_rng_state(random)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = run()
    return graph, outputs


@torch.no_grad()
def replay(key: Hashable, function: Callable[..., Tensors], *tensors: Tensor | None) -> Tensors:
    """``function(*tensors)``, on a GPU from a graph that was captured for these shapes.

    Args:
        key: tells apart functions; equal keys with equal shapes share a graph.
        function: launches the same kernels whatever the values, and waits for none of them.
        tensors: its arguments; at least one is a tensor. They are copied into the graph's.

    Returns:
        Tensors that no later replay writes to.
    """
    device = next(x.device for x in tensors if x is not None)
    if device.type != "cuda" or torch.cuda.is_current_stream_capturing():
        return function(*tensors)
    key = (key, *map(signature, tensors))
    with torch.cuda.device(device):
        if key not in _graphs:
            _graphs[key] = capture(function, *tensors)
            while len(_graphs) > MOST:
                _graphs.popitem(last=False)
        _graphs.move_to_end(key)
        return _graphs[key](*tensors)
