"""Layers of declared neurons: the autograd function around their generated kernels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snn.kernels.gpu import generated
from snn.kernels.gpu.generated import Gradients, Run, Spec
from snn.kernels.gpu.launch import lined_up
from snn.kernels.parameters import NeuronParameters, program_of, rows_of


def spec_of(p: NeuronParameters, drive: Tensor, of_neurons: Tensor) -> Spec:
    """What is fixed about a layer, and what its backward pass will want."""
    given = (drive, of_neurons, p.recurrent_weight, p.taps)
    keep = 0
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in given):
        keep = 2 if of_neurons.requires_grad else 1
    constants = p.neuron.threshold, p.scale, *p.initial
    current = p.recurrent_weight is not None and p.recurrence == "current"
    return Spec(program_of(p), constants, p.surrogate, current, keep)


def run_layer(drive: Tensor, p: NeuronParameters, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Spikes after dropout and counts, from the drive; spikes, drive, mask time-major."""
    of_neurons = rows_of(p, drive)
    spec = spec_of(p, drive, of_neurons)
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
        units = drive.shape[2]
        of_neurons = of_neurons.contiguous()
        taps = None if taps is None else taps.contiguous()
        mask = lined_up(mask)
        run = generated.forward(spec, lined_up(drive), recurrent, of_neurons, mask, taps)
        ctx.spec, ctx.units = spec, units
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(recurrent, of_neurons, mask, taps, *run)
        return run.sent[..., :units], run.counts[:, :units]

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_sent: Tensor | None, grad_counts: Tensor | None):
        if grad_sent is None and grad_counts is None:
            return (None,) * 6
        recurrent, of_neurons, mask, taps, *run = ctx.saved_tensors
        run, given = Run(*run), (recurrent, of_neurons, mask, taps)
        grad_counts = None if grad_counts is None else grad_counts.contiguous()
        grads = generated.backward(
            ctx.spec, ctx.units, run, *given, lined_up(grad_sent), grad_counts
        )
        wants = ctx.needs_input_grad
        return None, *of_inputs(ctx.spec, ctx.units, run, grads, taps, wants[2], wants[5])


def of_inputs(
    spec: Spec,
    units: int,
    run: Run,
    grads: Gradients,
    taps: Tensor | None,
    want_recurrent: bool,
    want_taps: bool,
) -> tuple[Tensor | None, ...]:
    """Gradients of drive, recurrent weights, rows, mask and taps, of one model."""
    sent, delayed, drive, wanted = (
        x[..., :units] for x in (run.sent, run.delayed, grads.drive, grads.wanted)
    )
    recurrent = of_taps = None
    if want_recurrent:
        before, driven = delayed, drive
        if taps is None and not spec.current:
            before, driven = sent[:-1], drive[1:]
        recurrent = before.flatten(0, 1).t() @ driven.flatten(0, 1)
    if taps is not None and want_taps:
        of_taps = _of_taps(wanted, sent, len(taps))
    rows = None if grads.rows is None else grads.rows.sum(1)[:, :units]
    return drive, recurrent, rows, None, of_taps


def _of_taps(wanted: Tensor, sent: Tensor, count: int) -> Tensor:
    """The gradient of the taps, from that of what arrives and from what was sent."""
    steps = len(sent)
    grads = [
        (wanted[tau:] * sent[: max(steps - tau, 0)]).sum((0, 1)) for tau in range(1, count + 1)
    ]
    return torch.stack(grads)
