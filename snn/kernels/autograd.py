"""Forward and backward passes of the CPU kernels as autograd functions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snn.kernels import library
from snn.kernels.problem import BACKWARD, FORWARD, FUSED, Call, Lease, Spec, StageTensors

_PER_STAGE = len(StageTensors._fields)
_GRADIENTS = (
    ("recurrent_weight", "grad_recurrent"),
    ("alpha", "grad_alpha"),
    ("beta", "grad_beta"),
    ("gain", "grad_gain"),
    ("bias", "grad_bias"),
)


def _begin(spec: Spec, tensors: tuple[Tensor | None, ...]) -> tuple[Call, list[StageTensors]]:
    """A call with its constants and weights; ``tensors`` are all stages' and the readout's."""
    kernels = library.load()
    assert isinstance(kernels, library.Library), kernels
    stages = [
        StageTensors(*tensors[i : i + _PER_STAGE]) for i in range(0, len(tensors) - 1, _PER_STAGE)
    ]
    call = Call(spec, kernels)
    call.set_stages(stages, tensors[-1])
    return call, stages


def _want_gradients(
    call: Call, tensors: tuple[Tensor | None, ...], wanted: tuple[bool, ...]
) -> list[Tensor | None]:
    """Outputs for the gradients of those tensors that want one, known to the call."""
    grads = [  # contiguous, whatever the parameter is
        t.new_empty(t.shape) if t is not None and w else None
        for t, w in zip(tensors, wanted, strict=True)
    ]
    for i, target in enumerate(call.stages):
        given = StageTensors(*grads[i * _PER_STAGE : (i + 1) * _PER_STAGE])
        call.grad_weights[i] = call.pointer(given.weight)
        for name, pointer in _GRADIENTS:
            setattr(target, pointer, call.pointer(getattr(given, name)))
    call.grad_weights[len(call.stages)] = call.pointer(grads[-1])
    return grads


class Network(torch.autograd.Function):
    """Stages and readout: ``(trace or dense spikes, counts of each stage ...)``."""

    @staticmethod
    def forward(ctx, spec: Spec, x: Tensor | None, *tensors: Tensor | None):
        call, _ = _begin(spec, tensors)
        empty = {"dtype": spec.dtype}
        counts = [torch.empty(spec.batch, stage.units, **empty) for stage in spec.stages]
        for target, count in zip(call.stages, counts, strict=True):
            target.counts = call.pointer(count)
        if spec.readout:
            out = torch.empty(spec.batch, spec.steps + 1, spec.readout.classes, **empty)
            call.readout.trace = call.pointer(out)
        else:
            out = torch.empty(spec.batch, spec.steps, spec.stages[-1].units, **empty)
            call.stages[-1].dense_spikes = call.pointer(out)
        if any(ctx.needs_input_grad):
            ctx.lease = Lease()
            ctx.traces = call.keep_traces(ctx.lease)
            call.set_traces(ctx.traces)
        call.run(FORWARD)
        ctx.spec = spec
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        return out, *counts

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out: Tensor | None, *grad_counts: Tensor | None):
        spec, tensors = ctx.spec, ctx.saved_tensors
        call, stages = _begin(spec, tensors)
        call.set_traces(ctx.traces)
        grads = _want_gradients(call, tensors, ctx.needs_input_grad[2:])
        for target, grad in zip(call.stages, grad_counts, strict=True):
            target.grad_counts = call.pointer(grad)
        if spec.readout:
            if grad_out is None:
                shape = spec.batch, spec.steps + 1, spec.readout.classes
                grad_out = tensors[-1].new_zeros(shape)
            call.readout.grad_trace = call.pointer(grad_out)
        elif grad_out is not None:
            call.stages[-1].grad_dense = call.pointer(grad_out)
        grad_drive = None
        if ctx.needs_input_grad[1]:
            shape = spec.batch, spec.steps, spec.stages[0].units
            grad_drive = tensors[0].new_empty(shape)
            call.stages[0].grad_drive = call.pointer(grad_drive)
        call.run(BACKWARD)
        grad_x = None if grad_drive is None else grad_drive @ stages[0].weight.T
        return None, grad_x, *grads


class TrainingStep(torch.autograd.Function):
    """Loss of a max-over-time network; its gradients are computed with it, block by block.

    ``(loss, nll, penalty, logits, counts of each hidden layer ...)``, of which only the loss, the
    sum of negative log-likelihood and penalty, has a gradient.
    """

    @staticmethod
    def forward(ctx, spec: Spec, labels: Tensor, sample_weight: Tensor, rate: float, *tensors):
        call, _ = _begin(spec, tensors)
        grads = _want_gradients(call, tensors, ctx.needs_input_grad[4:])
        counts = []
        for target, stage in zip(call.stages, spec.stages, strict=True):
            if not stage.encoder:
                counts.append(tensors[-1].new_empty(spec.batch, stage.units))
                target.counts = call.pointer(counts[-1])
        logits = tensors[-1].new_empty(spec.batch, spec.readout.classes)
        argmax = torch.empty(logits.shape, dtype=torch.int64)
        call.readout.logits, call.readout.argmax = call.pointer(logits), call.pointer(argmax)
        nll, spikes = call.set_loss(labels, sample_weight, rate)
        call.run(FUSED)
        nll, penalty = nll.sum().to(spec.dtype), (rate * spikes.sum()).to(spec.dtype)
        ctx.grads = grads
        ctx.mark_non_differentiable(nll, penalty, logits, *counts)
        return nll + penalty, nll, penalty, logits, *counts

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_loss: Tensor, *_):
        if ctx.grads is None:
            raise RuntimeError("the gradients of a fused training step were handed out already")
        # Not kept: autograd may then make them the parameters' gradients without a copy.
        grads, ctx.grads = ctx.grads, None
        if grad_loss != 1.0:
            grads = [None if grad is None else grad * grad_loss for grad in grads]
        return None, None, None, None, *grads
