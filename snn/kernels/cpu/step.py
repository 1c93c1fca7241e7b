"""Forward and backward pass in one, block by block, as an autograd function."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snn.kernels.cpu.arguments import Arguments
from snn.kernels.cpu.call import FUSED, Call


class TrainingStep(torch.autograd.Function):
    """Loss of a max-over-time network; its gradients are computed with it.

    ``(loss, nll, penalty, logits, counts of each hidden layer ...)``, of which only the loss, the
    sum of negative log-likelihood and penalty, has a gradient. ``parameters`` are those of
    ``args``. Not an operator, as the two passes apart are: an operator would have to hand out the
    gradients as results, to be kept until the backward pass asks for copies.
    """

    @staticmethod
    def forward(
        ctx,
        args: Arguments,
        labels: Tensor,
        sample_weight: Tensor,
        rate: float,
        smoothing: float,
        *parameters,
    ):
        call = Call(args)
        like, batch = parameters[0], call.sizes.batch
        grads = call.want_gradients(ctx.needs_input_grad[5:])
        counts = []
        for target, stage in zip(call.stages, call.given, strict=True):
            if stage.program is not None:
                counts.append(like.new_empty(batch, stage.units))
                target.counts = call.pointer(counts[-1])
        logits = like.new_empty(batch, call.sizes.classes)
        argmax = torch.empty(logits.shape, dtype=torch.int64)
        call.readout.logits, call.readout.argmax = call.pointer(logits), call.pointer(argmax)
        nll, spikes = call.set_loss(labels, sample_weight, rate, smoothing)
        call.run(FUSED)
        nll, penalty = nll.sum().to(call.dtype), (rate * spikes.sum()).to(call.dtype)
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
        return None, None, None, None, None, *grads
