"""Several networks of one shape at once: a launch of a time loop computes a layer of all of them.

A batch of one network leaves most of a GPU idle during the time loops, each step of which waits for
the one before; programs of other networks fill it. Their kernels are those of one network with an
axis of models before all tensors, in the blocks that one network would have. Whatever else depends
on the order of a sum (products with weights, sums over samples) is called network by network. So
every number is the one that the network would get alone, bit for bit.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snn.events import EventBatch
from snn.kernels.checked import Prepared, prepare
from snn.kernels.gpu import generated, launch
from snn.kernels.gpu.autograd import readout_backward, readout_forward, recurrent_gradient
from snn.kernels.gpu.generated import Gradients, Run, Spec
from snn.kernels.gpu.launch import LIFResult, LIFTensors
from snn.kernels.gpu.network import (
    drive_of,
    encoded,
    lif_constants,
    lif_spec,
    mask_of,
    readout_constants,
    source_of,
)
from snn.kernels.gpu.neurons import of_inputs, spec_of
from snn.kernels.gpu.problem import LIFSpec
from snn.kernels.gpu.tiling import oversize
from snn.kernels.parameters import (
    EncoderParameters,
    Input,
    LIFParameters,
    NeuronParameters,
    ReadoutParameters,
    program_of,
    rows_of,
)
from snn.kernels.written.cpp import key
from snn.neurons import LIFDynamics


class Problem(NamedTuple):
    """A network with its input."""

    x: Prepared
    layers: Sequence[LIFParameters | NeuronParameters]
    readout: ReadoutParameters
    encoder: EncoderParameters | None


def problem_of(
    x: Input,
    layers: Sequence[LIFParameters | NeuronParameters],
    readout: ReadoutParameters,
    encoder: EncoderParameters | None = None,
) -> Problem:
    """A network as :func:`snn.kernels.network` takes it; raises as that does."""
    return Problem(prepare(x, layers, readout, encoder), layers, readout, encoder)


def signature(problem: Problem) -> Hashable | None:
    """What networks must have in common to be computed together; None: this one cannot be."""
    x, layers, readout, encoder = problem
    if any(oversize(p.weight.shape[1]) for p in layers):
        return None
    of_layers = tuple(_of_layer(p) for p in layers)
    like, encoded_with = readout.weight, None if encoder is None else _learned(*encoder)
    return x.batch, x.steps, like.dtype, like.device, like.shape, encoded_with, of_layers


def _learned(*values: Any) -> tuple[bool, ...]:
    """Which want a gradient: what is kept for the backward pass depends on it."""
    return tuple(isinstance(v, Tensor) and v.requires_grad for v in values)


def _of_layer(p: LIFParameters | NeuronParameters) -> Hashable:
    mask = None if p.mask is None else p.mask.shape[1] == 1
    learned = _learned(*p, *(p.values.values() if isinstance(p, NeuronParameters) else ()))
    shape = p.weight.shape[1], p.recurrent_weight is None, mask, learned
    if isinstance(p, NeuronParameters):
        current = p.recurrent_weight is not None and p.recurrence == "current"
        taps = None if p.taps is None else len(p.taps)
        return "declared", key(program_of(p)), p.surrogate, current, taps, *shape
    return "lif", _without_numbers(p.dynamics), *shape


@lru_cache(maxsize=1024)
def _without_numbers(dynamics: LIFDynamics) -> LIFDynamics:
    """What decides which code runs: the rest lies in a table that the kernels read."""
    return replace(dynamics, threshold=1.0, scale=1.0, initial_potential=0.0)


def networks(problems: Sequence[Problem]) -> list[tuple[Tensor, list[Tensor]]]:
    """What :func:`snn.kernels.gpu.network.network` gives for each.

    Args:
        problems: at least one; of one :func:`signature`, which is not None.
    """
    sent: list[Tensor | EventBatch] = [
        source_of(p.x) if p.encoder is None else encoded(p.x.x, p.encoder) for p in problems
    ]
    counts: list[list[Tensor]] = [[] for _ in problems]
    for layers in zip(*(p.layers for p in problems), strict=True):
        drives = [drive_of(x, p.weight) for x, p in zip(sent, layers, strict=True)]
        masks = [mask_of(p, problem.x.batch) for p, problem in zip(layers, problems, strict=True)]
        run = _run_declared if isinstance(layers[0], NeuronParameters) else _run_lif
        results = run(drives, layers, masks)
        sent = list(results[0::2])
        for of_network, n in zip(counts, results[1::2], strict=True):
            of_network.append(n)
    drives = [x @ p.readout.weight for x, p in zip(sent, problems, strict=True)]
    constants = [c for p in problems for c in readout_constants(p.readout)]
    traces = Readouts.apply(len(problems), *drives, *constants)
    return list(zip(traces, counts, strict=True))


def stacked(tensors: Sequence[Tensor | None]) -> Tensor | None:
    """Tensors of one shape side by side, ``[model, ...]``, each laid out and aligned as alone.

    Where some are None and others not, these are zeros.
    """
    first = next((t for t in tensors if t is not None), None)
    if first is None:
        return None
    steps = {t.stride() for t in tensors if t is not None}
    if len(steps) > 1 or 0 in first.stride():  # of expanded ones; or by chance, of size 1
        first = first.contiguous()
    length = 1 + sum((n - 1) * step for n, step in zip(first.shape, first.stride(), strict=True))
    part = -(-length // launch.ALIGNED) * launch.ALIGNED
    whole = first.new_empty(len(tensors) * part)
    whole = whole.as_strided((len(tensors), *first.shape), (part, *first.stride()))
    for place, tensor in zip(whole, tensors, strict=True):
        place.zero_() if tensor is None else place.copy_(tensor)
    return whole


def _by_kind(models: int, tensors: Sequence[Any]) -> list[Sequence[Any]]:
    """Arguments of an autograd function, ``[kind][model]``: all models' first ones come first."""
    return [tensors[i : i + models] for i in range(0, len(tensors), models)]


def _run_lif(
    drives: Sequence[Tensor], layers: Sequence[LIFParameters], masks: Sequence[Tensor | None]
) -> tuple[Tensor, ...]:
    constants = [lif_constants(p) for p in layers]
    specs = [lif_spec(p, d, c) for p, d, c in zip(layers, drives, constants, strict=True)]
    spec = replace(specs[0], others=tuple(spec.dynamics for spec in specs[1:]))
    recurrent = [p.recurrent_weight for p in layers]
    by_kind = [drives, recurrent, *zip(*constants, strict=True), masks]
    return Layers.apply(spec, len(layers), *(t for kind in by_kind for t in kind))


class Layers(torch.autograd.Function):
    """Current-based LIF layers: sent spikes and counts of the first, of the second, ..."""

    @staticmethod
    def forward(ctx, spec: LIFSpec, models: int, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        given = LIFTensors(*(launch.lined_up(stacked(k)) for k in _by_kind(models, tensors)))
        with torch.cuda.device_of(given.drive):
            result = launch.forward(spec, given)
        ctx.spec, ctx.models = spec, models
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*given[1:], result.sent, result.potential, result.current)
        return tuple(x[i] for i in range(models) for x in (result.sent, result.counts))

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor | None):
        models, spec = ctx.models, ctx.spec
        nothing = [None] * models
        if all(grad is None for grad in grads):
            return (None,) * (2 + 6 * models)
        *given, sent, potential, current = ctx.saved_tensors
        wants = _by_kind(models, ctx.needs_input_grad[2:])
        learned = any(any(kind) for kind in wants[2:5])
        result = LIFResult(sent, None, potential, current)
        with torch.cuda.device_of(potential):
            found = launch.backward(
                spec,
                LIFTensors(None, *given),
                result,
                launch.lined_up(stacked(grads[0::2])),
                _contiguous(grads[1::2]),
                learned,
            )
        recurrent = [
            recurrent_gradient(spec, sent[i], found.drive[i]) if want else None
            for i, want in enumerate(wants[1])
        ]
        constants = list(found.constants.unbind(1)) if learned else [nothing] * 3
        return None, None, *found.drive, *recurrent, *(c for k in constants for c in k), *nothing


def _contiguous(tensors: Sequence[Tensor | None]) -> Tensor | None:
    return stacked([None if t is None else t.contiguous() for t in tensors])


def _run_declared(
    drives: Sequence[Tensor], layers: Sequence[NeuronParameters], masks: Sequence[Tensor | None]
) -> tuple[Tensor, ...]:
    rows = [rows_of(p, d) for p, d in zip(layers, drives, strict=True)]
    specs = [spec_of(*given) for given in zip(layers, drives, rows, strict=True)]
    spec = specs[0]._replace(constants=tuple(spec.constants for spec in specs))
    by_kind = [drives, [p.recurrent_weight for p in layers], rows, masks, [p.taps for p in layers]]
    return DeclaredLayers.apply(spec, len(layers), *(t for kind in by_kind for t in kind))


class DeclaredLayers(torch.autograd.Function):
    """The same of layers of declared neurons."""

    @staticmethod
    def forward(ctx, spec: Spec, models: int, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        drive, recurrent, rows, mask, taps = _by_kind(models, tensors)
        units = drive[0].shape[2]
        drive, mask = (launch.lined_up(stacked(kind)) for kind in (drive, mask))
        given = stacked(recurrent), _contiguous(rows), mask, _contiguous(taps)
        run = generated.forward(spec, drive, *given)
        ctx.spec, ctx.models, ctx.units = spec, models, units
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*given, *run)
        sent, counts = run.sent[..., :units], run.counts[..., :units]
        return tuple(x[i] for i in range(models) for x in (sent, counts))

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor | None):
        models = ctx.models
        if all(grad is None for grad in grads):
            return (None,) * (2 + 5 * models)
        recurrent, rows, mask, taps, *run = ctx.saved_tensors
        run, given = Run(*run), (recurrent, rows, mask, taps)
        sent = launch.lined_up(stacked(grads[0::2]))
        found = generated.backward(ctx.spec, ctx.units, run, *given, sent, _contiguous(grads[1::2]))
        wants = _by_kind(models, ctx.needs_input_grad[2:])
        of_models = [
            of_inputs(
                ctx.spec,
                ctx.units,
                Run(*(x[i] for x in run)),
                Gradients(*(None if x is None else x[i] for x in found)),
                None if taps is None else taps[i],
                wants[1][i],
                wants[4][i],
            )
            for i in range(models)
        ]
        return None, None, *(grad for kind in zip(*of_models, strict=True) for grad in kind)


class Readouts(torch.autograd.Function):
    """The traces of leaky readouts from their drives; the constants of each lie together."""

    @staticmethod
    def forward(ctx, models: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        constants = tensors[models:]
        whole = [torch.stack(constants[i::3]) for i in range(3)]
        ctx.save_for_backward(*whole)
        ctx.models = models
        return tuple(readout_forward(launch.lined_up(stacked(tensors[:models])), *whole))

    @staticmethod
    @once_differentiable
    def backward(ctx, *grads: Tensor):
        drives = readout_backward(torch.stack(grads), *ctx.saved_tensors)
        return None, *drives, *(None,) * (3 * ctx.models)
