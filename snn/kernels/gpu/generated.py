"""Launches of the generated kernels of declared neurons.

All tensors may have an axis of models before their own, as in :mod:`snn.kernels.gpu.launch`.
"""

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

from snn.errors import SnnError
from snn.kernels.gpu.launch import apart, grid, model_strides, models_of, square, strides
from snn.kernels.gpu.problem import Scalars, scalars
from snn.kernels.gpu.tiling import lif_plan, padded
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
    constants: Scalars
    """Threshold, steepness of the surrogate, and the initial value of each state; a row for each
    of several models."""
    surrogate: str
    current: bool
    """Whether spikes reach their own layer in the same step."""
    keep: int
    """What a backward pass will want: 0 nothing, 1 weights, 2 rows too."""


def _kernel(spec: Spec, name: str):
    return getattr(kernels(spec.program), f"{name}_current" if spec.current else name)


class Run(NamedTuple):
    """What a layer leaves, of rows that are padded to a multiple of 16."""

    sent: Tensor
    """Spikes after dropout, ``[step, batch, width]``."""
    delayed: Tensor
    """Spikes as they arrive at their own layer; ``sent`` itself without delays."""
    kept: Tensor
    """``[value, step, batch, width]``."""
    counts: Tensor
    """Spikes before dropout, ``[batch, width]``."""


def forward(
    spec: Spec,
    drive: Tensor,
    recurrent: Tensor | None,
    of_neurons: Tensor,
    mask: Tensor | None,
    taps: Tensor | None,
) -> Run:
    """Run a layer over a sequence that starts from rest; tensors lined up."""
    steps, batch, units = drive.shape[-3:]
    width, lead = padded(units), models_of(drive)
    sent = apart(drive, lead, steps, batch, width)
    counts = drive.new_zeros(*lead, batch, width)
    want = "rows" if spec.keep == 2 else "weights"
    nb_kept = len(spec.program.backward(want, 0).keep) if spec.keep else 0
    kept = drive.new_empty(*lead, nb_kept, steps, batch, width)
    plan = lif_plan(batch, units, recurrent is not None, drive.dtype, drive.device)
    matrix = square(recurrent, width, transpose=False)
    delayed = sent if taps is None else apart(drive, lead, steps, batch, width)
    constants = scalars(spec.constants, drive)
    if sent.numel():
        with torch.cuda.device_of(drive):
            _kernel(spec, "forward")[grid(-(-batch // plan.block_b), lead)](
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
                drive.stride(-3),
                drive.stride(-2),
                *strides(mask),
                0 if taps is None else taps.shape[-2],
                *model_strides(lead, of_neurons, constants, mask, taps, drive, sent, kept),
                TOGETHER=bool(lead),
                RECURRENT=matrix is not None,
                DELAYED=taps is not None,
                MASKED=mask is not None,
                KEEP=spec.keep,
                **plan.options(),
            )
    return Run(sent, delayed, kept, counts)


class Gradients(NamedTuple):
    """Adjoints, of rows that are padded."""

    drive: Tensor
    wanted: Tensor
    """Of the spikes as they arrive, where there are delays; ``[step, batch, width]`` both."""
    rows: Tensor | None
    """Sums of each program, ``[row, program, width]``."""


def backward(
    spec: Spec,
    units: int,
    run: Run,
    recurrent: Tensor | None,
    of_neurons: Tensor,
    mask: Tensor | None,
    taps: Tensor | None,
    grad_sent: Tensor | None,
    grad_counts: Tensor | None,
) -> Gradients:
    """Adjoints from those of the spikes after dropout and of their counts before; lined up."""
    kept = run.kept
    steps, batch = kept.shape[-3:-1]
    lead, width = tuple(kept.shape[:-4]), padded(units)
    grad_drive = apart(kept, lead, steps, batch, width)
    plan = lif_plan(batch, units, recurrent is not None, kept.dtype, kept.device)
    programs, nb_rows = -(-batch // plan.block_b), of_neurons.shape[-2]
    sums = kept.new_zeros(*lead, nb_rows, programs, width) if spec.keep == 2 else None
    matrix = square(recurrent, width, transpose=True)
    wanted = grad_drive if taps is None else apart(kept, lead, steps, batch, width).zero_()
    constants = scalars(spec.constants, kept)
    if grad_drive.numel():
        with torch.cuda.device_of(kept):
            _kernel(spec, "backward")[grid(programs, lead)](
                kept,
                kept if grad_sent is None else grad_sent,
                kept if grad_counts is None else grad_counts,
                kept if matrix is None else matrix,
                of_neurons,
                constants,
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
                0 if taps is None else taps.shape[-2],
                *model_strides(
                    lead,
                    of_neurons,
                    constants,
                    mask,
                    taps,
                    grad_sent,
                    grad_counts,
                    grad_drive,
                    kept,
                    sums,
                ),
                TOGETHER=bool(lead),
                RECURRENT=matrix is not None,
                DELAYED=taps is not None,
                MASKED=mask is not None,
                WANT=spec.keep,
                WITH_SENT=grad_sent is not None,
                WITH_COUNTS=grad_counts is not None,
                SURROGATE=spec.surrogate,
                **plan.options(),
            )
    return Gradients(grad_drive, wanted, sums)
