"""Layers of declared neurons: their generated kernels, and the autograd function around them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snn.errors import SnnError
from snn.kernels.gpu.launch import lined_up, square, strides
from snn.kernels.gpu.problem import scalars
from snn.kernels.gpu.tiling import lif_plan, padded
from snn.kernels.parameters import NeuronParameters, program_of, rows_of
from snn.kernels.written import triton as written
from snn.kernels.written.cpp import key
from snn.kernels.written.folder import folder
from snn.neurons.declaration.program import Program

_modules: dict[str, ModuleType] = {}


def kernels(made: Program) -> ModuleType:
    """The module with a neuron's kernels, written where it is not there yet.

    Raises:
        SnnError: it cannot be written.
    """
    name = key(made)
    if name not in _modules:
        text = written.source(made)
        content = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = folder() / f"{name}_{content}.py"
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                # Under another name first, so that no other process reads half of it.
                with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
                    file.write(text)
                os.replace(file.name, path)
        except OSError as error:
            raise SnnError(
                f"{made.neuron.place}: its kernels cannot be kept in {path.parent} ({error}); "
                "name another folder with the environment variable SNN_CACHE"
            ) from None
        spec = importlib.util.spec_from_file_location(f"snn_neuron_{name}", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        _modules[name] = module
    return _modules[name]


class Spec(NamedTuple):
    """What is fixed about a layer when its kernels run."""

    program: Program
    constants: tuple[float, ...]
    """Threshold, steepness of the surrogate, and the initial value of each state."""
    surrogate: str
    current: bool
    """Whether spikes reach their own layer in the same step."""
    keep: int
    """What a backward pass will want: 0 nothing, 1 weights, 2 rows too."""


def _kernel(spec: Spec, name: str):
    return getattr(kernels(spec.program), f"{name}_current" if spec.current else name)


def run_layer(drive: Tensor, p: NeuronParameters, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Spikes after dropout and counts, from the drive; spikes, drive, mask time-major."""
    of_neurons = rows_of(p, drive)
    wanted = [drive.requires_grad, of_neurons.requires_grad]
    wanted.append(p.recurrent_weight is not None and p.recurrent_weight.requires_grad)
    keep = 0
    if torch.is_grad_enabled() and any(wanted):
        keep = 2 if of_neurons.requires_grad else 1
    constants = p.neuron.threshold, p.scale, *p.initial
    current = p.recurrent_weight is not None and p.recurrence == "current"
    spec = Spec(program_of(p), constants, p.surrogate, current, keep)
    return NeuronsFunction.apply(spec, drive, p.recurrent_weight, of_neurons, mask, p.taps)


class NeuronsFunction(torch.autograd.Function):
    """``(sent, counts)``: spikes after dropout ``[step, batch, unit]``, and their counts before."""

    @staticmethod
    def forward(
        ctx,
        spec: Spec,
        drive: Tensor,
        recurrent: Tensor | None,
        of_neurons: Tensor,
        mask: Tensor | None,
        taps: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        drive, mask = lined_up(drive), lined_up(mask)
        steps, batch, units = drive.shape
        width = padded(units)
        sent = drive.new_empty(steps, batch, width)
        counts = drive.new_zeros(batch, width)
        want = "rows" if spec.keep == 2 else "weights"
        nb_kept = len(spec.program.backward(want, 0).keep) if spec.keep else 0
        kept = drive.new_empty(nb_kept, steps, batch, width)
        plan = lif_plan(batch, units, recurrent is not None, drive.dtype, drive.device)
        matrix = square(recurrent, width, transpose=False)
        of_neurons = of_neurons.contiguous()
        taps = None if taps is None else taps.contiguous()
        delayed = sent if taps is None else torch.empty_like(sent)  # spikes as they arrive
        constants = scalars(spec.constants, drive)
        if sent.numel():
            with torch.cuda.device_of(drive):
                _kernel(spec, "forward")[(-(-batch // plan.block_b),)](
                    drive,
                    sent if matrix is None else matrix,
                    of_neurons,
                    constants,
                    sent if mask is None else mask,
                    sent if taps is None else taps,
                    sent,
                    delayed,
                    kept if nb_kept else sent,
                    counts,
                    batch,
                    steps,
                    units,
                    width,
                    width,
                    drive.stride(0),
                    drive.stride(1),
                    *strides(mask),
                    0 if taps is None else len(taps),
                    RECURRENT=matrix is not None,
                    DELAYED=taps is not None,
                    MASKED=mask is not None,
                    KEEP=spec.keep,
                    **plan.options(),
                )
        sent = sent[..., :units]
        ctx.spec = spec
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(recurrent, of_neurons, mask, sent, kept, taps, delayed[..., :units])
        return sent, counts[:, :units]

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_sent: Tensor | None, grad_counts: Tensor | None):
        if grad_sent is None and grad_counts is None:
            return (None,) * 6
        spec = ctx.spec
        recurrent, of_neurons, mask, sent, kept, taps, delayed = ctx.saved_tensors
        steps, batch, units = sent.shape
        width = padded(units)
        grad_sent = lined_up(grad_sent)
        grad_drive = sent.new_empty(steps, batch, width)
        plan = lif_plan(batch, units, recurrent is not None, sent.dtype, sent.device)
        programs, nb_rows = -(-batch // plan.block_b), len(of_neurons)
        sums = sent.new_zeros(nb_rows, programs, width) if spec.keep == 2 else None
        matrix = square(recurrent, width, transpose=True)
        wanted = grad_drive if taps is None else torch.zeros_like(grad_drive)
        if grad_drive.numel():
            with torch.cuda.device_of(sent):
                _kernel(spec, "backward")[(programs,)](
                    kept,
                    kept if grad_sent is None else grad_sent,
                    kept if grad_counts is None else grad_counts.contiguous(),
                    kept if matrix is None else matrix,
                    of_neurons,
                    scalars(spec.constants, sent),
                    kept if mask is None else mask,
                    kept if taps is None else taps,
                    wanted,
                    grad_drive,
                    grad_drive if sums is None else sums,
                    batch,
                    steps,
                    units,
                    width,
                    width,
                    *strides(grad_sent),
                    *strides(mask),
                    0 if taps is None else len(taps),
                    RECURRENT=matrix is not None,
                    DELAYED=taps is not None,
                    MASKED=mask is not None,
                    WANT=spec.keep,
                    WITH_SENT=grad_sent is not None,
                    WITH_COUNTS=grad_counts is not None,
                    SURROGATE=spec.surrogate,
                    **plan.options(),
                )
        grad_drive = grad_drive[..., :units]
        grad_recurrent = grad_taps = None
        if ctx.needs_input_grad[2]:
            before, driven = delayed, grad_drive
            if taps is None and not spec.current:
                before, driven = sent[:-1], grad_drive[1:]
            grad_recurrent = before.flatten(0, 1).t() @ driven.flatten(0, 1)
        if taps is not None and ctx.needs_input_grad[5]:
            grad_taps = _of_taps(wanted[..., :units], sent, len(taps))
        grad_rows = None if sums is None else sums.sum(1)[:, :units]
        return None, grad_drive, grad_recurrent, grad_rows, None, grad_taps


def _of_taps(wanted: Tensor, sent: Tensor, count: int) -> Tensor:
    """The gradient of the taps, from that of what arrives and from what was sent."""
    steps = len(sent)
    grads = [
        (wanted[tau:] * sent[: max(steps - tau, 0)]).sum((0, 1)) for tau in range(1, count + 1)
    ]
    return torch.stack(grads)
