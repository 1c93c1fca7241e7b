"""Layer, readout and encoder as autograd functions. All are time-major: ``[step, batch, unit]``."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snn.kernels.gpu import graphs, launch, loops, scan
from snn.kernels.gpu.launch import LIFGradients, LIFResult, LIFTensors, lined_up
from snn.kernels.gpu.problem import LIFSpec, scalars
from snn.kernels.gpu.tiling import oversize, padded, power_of_two


def _loop_forward(spec: LIFSpec, *tensors: Tensor | None) -> LIFResult:
    return loops.forward(spec, LIFTensors(*tensors))


def _loop_backward(spec: LIFSpec, learned: bool, *tensors: Tensor | None) -> LIFGradients:
    *given, potential, current, grad_sent, grad_counts = tensors
    result = LIFResult(None, None, potential, current)
    return loops.backward(spec, LIFTensors(None, *given), result, grad_sent, grad_counts, learned)


def recurrent_gradient(spec: LIFSpec, sent: Tensor, grad_drive: Tensor) -> Tensor:
    """Of the recurrent weights, from spikes and adjoints ``[step, batch, unit]`` of one model."""
    lag = 1 if spec.dynamics.recurrence == "previous" else 0
    before = sent[: len(sent) - lag].flatten(0, 1)
    return before.t() @ grad_drive[lag:].flatten(0, 1)


class Layer(torch.autograd.Function):
    """``(sent, counts)``: spikes after dropout ``[step, batch, unit]``, and their counts before.

    The gradient of the recurrent weights is one product over all steps and samples.
    """

    @staticmethod
    def forward(
        ctx,
        spec: LIFSpec,
        drive: Tensor,
        recurrent: Tensor | None,
        alpha: Tensor,
        beta: Tensor,
        gain: Tensor,
        mask: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        given = drive, recurrent, alpha, beta, gain, mask
        tensors = LIFTensors(*map(lined_up, given))
        with torch.cuda.device_of(drive):
            if oversize(drive.shape[2]):
                run = partial(_loop_forward, spec)
                result = LIFResult(*graphs.replay(("forward", spec), run, *tensors))
            else:
                result = launch.forward(spec, tensors)
        ctx.spec = spec
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors[1:], result.sent, result.potential, result.current)
        return result.sent, result.counts

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_sent: Tensor | None, grad_counts: Tensor | None):
        if grad_sent is None and grad_counts is None:
            return (None,) * 7
        spec = ctx.spec
        *given, sent, potential, current = ctx.saved_tensors
        tensors = LIFTensors(None, *given)
        learned = any(ctx.needs_input_grad[3:6])
        grad_sent = lined_up(grad_sent)
        with torch.cuda.device_of(potential):
            if oversize(potential.shape[2]):
                run = partial(_loop_backward, spec, learned)
                rest = potential, current, grad_sent, grad_counts
                grads = LIFGradients(
                    *graphs.replay(("backward", spec, learned), run, *given, *rest)
                )
            else:
                result = LIFResult(sent, None, potential, current)
                grads = launch.backward(spec, tensors, result, grad_sent, grad_counts, learned)
        recurrent = None
        if ctx.needs_input_grad[2]:
            recurrent = recurrent_gradient(spec, sent, grads.drive)
        constants = grads.constants if learned else (None,) * 3
        return None, grads.drive, recurrent, *constants, None


def readout_forward(drive: Tensor, alpha: Tensor, beta: Tensor, gain: Tensor) -> Tensor:
    """The trace ``[batch, step + 1, class]`` from the drive ``[step, batch, class]``, lined up.

    All of them may have an axis of models before their own.
    """
    steps, batch, classes = drive.shape[-3:]
    lead = launch.models_of(drive)
    trace = launch.apart(drive, lead, batch, steps + 1, classes).zero_()
    if drive.numel():
        sizes = _scan_blocks(classes)
        with torch.cuda.device_of(drive):
            scan.readout_forward[launch.grid(-(-batch // sizes["BLOCK_B"]), lead)](
                drive, alpha.contiguous(), beta.contiguous(), gain.contiguous(), trace,
                batch, steps, classes, drive.stride(-3), drive.stride(-2),
                *launch.model_strides(lead, drive, trace),
                TOGETHER=bool(lead), **sizes,
            )  # fmt: skip
    return trace


def readout_backward(grad: Tensor, alpha: Tensor, beta: Tensor, gain: Tensor) -> Tensor:
    """Adjoint of the drive from that of the trace."""
    batch, steps, classes = grad.shape[-3], grad.shape[-2] - 1, grad.shape[-1]
    lead = launch.models_of(grad)
    drive = launch.apart(grad, lead, steps, batch, classes)
    if drive.numel():
        sizes = _scan_blocks(classes)
        with torch.cuda.device_of(grad):
            scan.readout_backward[launch.grid(-(-batch // sizes["BLOCK_B"]), lead)](
                grad.contiguous(), alpha.contiguous(), beta.contiguous(), gain.contiguous(),
                drive, batch, steps, classes, *launch.model_strides(lead, drive),
                TOGETHER=bool(lead), **sizes,
            )  # fmt: skip
    return drive


class Readout(torch.autograd.Function):
    """The trace ``[batch, step + 1, class]`` from the drive ``[step, batch, class]``."""

    @staticmethod
    def forward(ctx, drive: Tensor, alpha: Tensor, beta: Tensor, gain: Tensor) -> Tensor:
        ctx.save_for_backward(alpha, beta, gain)
        return readout_forward(lined_up(drive), alpha, beta, gain)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        return readout_backward(grad, *ctx.saved_tensors), None, None, None


def _scan_blocks(classes: int) -> dict[str, int]:
    """One warp takes two samples or, of many classes, one."""
    n = power_of_two(classes, 16)
    return {"BLOCK_B": max(32 // n, 1), "BLOCK_N": n, "num_warps": max(min(n // 64, 8), 1)}


class Encoder(torch.autograd.Function):
    """Spikes ``[step, batch, unit]`` from currents ``[batch, step, unit]``."""

    @staticmethod
    def forward(ctx, currents: Tensor, beta: Tensor, constants: tuple[float, ...], surrogate: str):
        currents = currents.contiguous()
        batch, steps, units = currents.shape
        width = padded(units)
        sent = currents.new_empty(steps, batch, width)
        keep = ctx.needs_input_grad[0]
        potential = torch.empty_like(sent) if keep else sent
        grid, sizes = _encoder_blocks(batch, units)
        scalar = scalars(constants, currents)
        if sent.numel():
            with torch.cuda.device_of(currents):
                scan.encoder_forward[grid](
                    currents, beta.contiguous(), scalar, sent, potential,
                    batch, steps, units, width, currents.stride(0), currents.stride(1),
                    KEEP=keep, **sizes,
                )  # fmt: skip
        ctx.surrogate, ctx.units = surrogate, units
        ctx.save_for_backward(potential, beta, scalar)
        return sent[..., :units]

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        potential, beta, scalar = ctx.saved_tensors
        steps, batch, width = potential.shape
        grad = lined_up(grad)
        currents = grad.new_empty(batch, steps, ctx.units)
        grid, sizes = _encoder_blocks(batch, ctx.units)
        if currents.numel():
            with torch.cuda.device_of(grad):
                scan.encoder_backward[grid](
                    potential, grad, beta.contiguous(), scalar, currents,
                    batch, steps, ctx.units, width, grad.stride(0), grad.stride(1),
                    SURROGATE=ctx.surrogate, **sizes,
                )  # fmt: skip
        return currents, None, None, None


def _encoder_blocks(batch: int, units: int) -> tuple[tuple[int, int], dict[str, int]]:
    n = min(power_of_two(units, 32), 128)
    return (batch, -(-units // n)), {"BLOCK_B": 1, "BLOCK_N": n, "num_warps": n // 32}
