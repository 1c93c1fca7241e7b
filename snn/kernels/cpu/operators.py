"""The kernels as PyTorch operators with gradients: ``torch.ops.snn.network``.

They are functional: what the backward pass needs of the forward pass is one of its results.
Callers use :mod:`snn.kernels`, which makes the arguments. Whoever calls an operator directly is
checked as well.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snn.kernels.cpu.arguments import Arguments
from snn.kernels.cpu.call import BACKWARD, FORWARD, Call
from snn.kernels.cpu.problem import Sizes, check_incoming, decode

_ARGUMENTS = (
    "Tensor x, Tensor? indptr, Tensor? index, SymInt nb_steps, SymInt nb_inputs, "
    "Tensor[] parameters, Tensor[] fixed, int[] codes, float[] numbers"
)
_WIDTH = len(Arguments._fields)

# keep_trace: a backward pass will follow.
# Results: the readout's trace or, without a readout, dense spikes; what the backward pass needs,
# uint8; spike counts of each stage.
torch.library.define("snn::network", f"({_ARGUMENTS}, bool keep_trace) -> Tensor[]")

# wanted: which parameters want a gradient; drive: whether the first stage's drive wants one.
# Results: the wanted gradients in order, that of the drive last.
torch.library.define(
    "snn::network_backward",
    f"({_ARGUMENTS}, Tensor trace, Tensor? grad_out, Tensor?[] grad_counts, bool[] wanted, "
    "bool drive) -> Tensor[]",
)


def run_network(args: Arguments) -> tuple[Tensor, list[Tensor]]:
    """The readout's trace or, without a readout, dense spikes; and the spike counts of all stages.

    Raises:
        RuntimeError: the kernels are not built, with the reason.
        IndexError: an event or the batch's index lies outside its range.
    """
    tensors = (args.x, *args.parameters)
    keep_trace = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
    out, _, *counts = torch.ops.snn.network.default(*args, keep_trace)
    return out, counts


def _output_shape(sizes: Sizes) -> tuple[int, int, int]:
    if sizes.classes is None:
        return sizes.batch, sizes.steps, sizes.units[-1]
    return sizes.batch, sizes.steps + 1, sizes.classes


@torch.library.impl("snn::network", "CPU")
def _network(*given) -> list[Tensor]:
    args, keep_trace = Arguments(*given[:_WIDTH]), given[_WIDTH]
    call = Call(args)
    like = args.parameters[0]
    out = like.new_empty(_output_shape(call.sizes))
    if call.sizes.classes is None:
        call.stages[-1].dense_spikes = call.pointer(out)
    else:
        call.readout.trace = call.pointer(out)
    counts = [like.new_empty(call.sizes.batch, units) for units in call.sizes.units]
    for target, count in zip(call.stages, counts, strict=True):
        target.counts = call.pointer(count)
    trace = call.new_trace() if keep_trace else like.new_empty(0, dtype=torch.uint8)
    call.run(FORWARD)
    return [out, trace, *counts]


@torch.library.register_fake("snn::network")
def _fake_network(*given) -> list[Tensor]:
    args, keep_trace = Arguments(*given[:_WIDTH]), given[_WIDTH]
    sizes, like = Sizes.of(args), args.parameters[0]
    trace = like.new_empty(sizes.trace_bytes if keep_trace else 0, dtype=torch.uint8)
    counts = [like.new_empty(sizes.batch, units) for units in sizes.units]
    return [like.new_empty(_output_shape(sizes)), trace, *counts]


@torch.library.impl("snn::network_backward", "CPU")
def _network_backward(*given) -> list[Tensor]:
    args = Arguments(*given[:_WIDTH])
    trace, grad_out, grad_counts, wanted, drive = given[_WIDTH:]
    call = Call(args)
    check_incoming(call.given, call.sizes, _output_shape(call.sizes), grad_out, grad_counts, drive)
    call.set_trace(trace)
    grads = call.want_gradients(wanted, from_trace=True)
    grads = [grad for grad in grads if grad is not None]
    for target, grad in zip(call.stages, grad_counts, strict=True):
        target.grad_counts = call.pointer(grad)
    if call.sizes.classes is not None:
        if grad_out is None:
            grad_out = args.parameters[0].new_zeros(_output_shape(call.sizes))
        call.readout.grad_trace = call.pointer(grad_out)
    elif grad_out is not None:
        call.stages[-1].grad_dense = call.pointer(grad_out)
    if drive:
        shape = call.sizes.batch, call.sizes.steps, call.sizes.units[0]
        grads.append(args.parameters[0].new_empty(shape))
        call.stages[0].grad_drive = call.pointer(grads[-1])
    call.run(BACKWARD)
    return grads


@torch.library.register_fake("snn::network_backward")
def _fake_network_backward(*given) -> list[Tensor]:
    args = Arguments(*given[:_WIDTH])
    wanted, drive = given[-2:]
    decode(args)
    grads = [p.new_empty(p.shape) for p, w in zip(args.parameters, wanted, strict=True) if w]
    if drive:
        sizes = Sizes.of(args)
        grads.append(args.parameters[0].new_empty(sizes.batch, sizes.steps, sizes.units[0]))
    return grads


def _keep(ctx, inputs: tuple, output: list[Tensor]) -> None:
    args = Arguments(*inputs[:_WIDTH])
    ctx.set_materialize_grads(False)
    ctx.plain = args._replace(x=None, indptr=None, index=None, parameters=None, fixed=None)
    ctx.nb_parameters = len(args.parameters)
    ctx.save_for_backward(args.x, args.indptr, args.index, output[1], *args.parameters, *args.fixed)


def _differentiate(ctx, grads: list[Tensor | None]) -> tuple:
    x, indptr, index, trace, *tensors = ctx.saved_tensors
    parameters, fixed = tensors[: ctx.nb_parameters], tensors[ctx.nb_parameters :]
    args = ctx.plain._replace(x=x, indptr=indptr, index=index, parameters=parameters, fixed=fixed)
    needs = Arguments(*ctx.needs_input_grad[:_WIDTH])
    found = torch.ops.snn.network_backward.default(
        *args, trace, grads[0], grads[2:], needs.parameters, needs.x
    )
    # the drive of a step is x W
    grad_x = found.pop() @ parameters[0].T if needs.x else None
    found = iter(found)
    of_parameters = [next(found) if wanted else None for wanted in needs.parameters]
    none = Arguments(*[None] * _WIDTH)
    return *none._replace(x=grad_x, parameters=of_parameters, fixed=[None] * len(fixed)), None


torch.library.register_autograd("snn::network", _differentiate, setup_context=_keep)


def _refuse(ctx, *grads) -> None:
    raise RuntimeError(
        "the CPU kernels have no second derivatives; take the reference in snn.neurons, "
        'or SpikingNetwork(backend="einsum")'
    )


torch.library.register_autograd("snn::network_backward", _refuse)
