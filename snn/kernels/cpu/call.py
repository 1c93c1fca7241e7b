"""One call of the kernels: C structs that point to the tensors of its arguments."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from snn.kernels import faults
from snn.kernels.cpu import library, loans, programs
from snn.kernels.cpu.arguments import Arguments, StageTensors
from snn.kernels.cpu.problem import (
    Sizes,
    Stage,
    decode,
    padded,
    require_gradients,
    words,
)

FORWARD, BACKWARD, FUSED = 1, 2, 3
_ALIGNMENT = 64
"""Of traces, which torch gives all its tensors."""


def in_memory(tensor: Tensor) -> Tensor:
    """A tensor's numbers one after another, as C++ reads them.

    Raises:
        ValueError: it is not in the memory that a CPU reads.
    """
    if not tensor.is_cpu or tensor.layout is not torch.strided:
        raise ValueError(f"a tensor on {tensor.device}, {tensor.layout}: must be on the CPU")
    if not tensor.is_contiguous() or tensor.is_neg():
        tensor = tensor.detach().resolve_neg().contiguous()
    if tensor.data_ptr() % tensor.itemsize:
        tensor = tensor.detach().clone()
    return tensor


class Call:
    """A problem in the making. Tensors that it points to live as long as it does."""

    def __init__(self, args: Arguments) -> None:
        self.kernels = library.loaded()
        self.given, self.read = decode(args)
        self.sizes = Sizes.of_parts(args, self.given, self.read)
        self.sizes.require_countable()
        self.dtype = self.given[0].tensors.rows.dtype
        self._alive: list[object] = []
        nb_stages = len(self.given)
        self.problem = library.Problem(
            batch=self.sizes.batch,
            steps=self.sizes.steps,
            threads=torch.get_num_threads(),
            nb_stages=nb_stages,
        )
        self.stages = (library.Stage * nb_stages)()
        self.weights = (ctypes.c_void_p * (nb_stages + 1))()
        self.grad_weights = (ctypes.c_void_p * (nb_stages + 1))()
        self.problem.stages = self.stages
        self.problem.weights, self.problem.grad_weights = self.weights, self.grad_weights
        self._set_input(args)
        for i, (target, stage) in enumerate(zip(self.stages, self.given, strict=True)):
            self._set_stage(target, stage)
            self.weights[i] = self.pointer(stage.tensors.weight)
        self.readout = library.Readout()
        if self.read is not None:
            self.weights[nb_stages] = self.pointer(self.read.weight)
            self.readout.classes = self.sizes.classes
            for name in ("alpha", "beta", "gain"):
                setattr(self.readout, name, self.pointer(getattr(self.read, name)))
            self.problem.readout = ctypes.pointer(self.readout)

    def pointer(self, tensor: Tensor | None) -> int | None:
        """Address of a tensor's data, made contiguous; the call keeps it alive.

        Raises:
            ValueError: it is not in the memory that a CPU reads.
        """
        if tensor is None:
            return None
        tensor = in_memory(tensor)
        self._alive.append(tensor)
        return tensor.data_ptr()

    def _set_input(self, args: Arguments) -> None:
        target = self.problem.input
        target.units = args.nb_inputs
        if args.index is None:
            target.kind, target.dense = 2, self.pointer(args.x)
            return
        nb_rows = args.indptr.numel() - 1
        target.nb_samples, target.nb_events = nb_rows // args.nb_steps, args.x.numel()
        self._index = args.index
        target.kind = 0 if args.x.dtype == torch.int16 else 1
        target.indptr, target.events = self.pointer(args.indptr), self.pointer(args.x)
        target.index = self.pointer(args.index)
        target.events_per_step = target.nb_events / max(nb_rows, 1)

    def _set_stage(self, target: ctypes.Structure, stage: Stage) -> None:
        code = stage.code
        target.kind, target.units = int(stage.program is None), stage.units
        if stage.program is not None:
            target.neuron = programs.table(code.neuron, self.dtype.itemsize)
            initial = (ctypes.c_double * len(stage.initial))(*stage.initial)
            self._alive.append(initial)
            target.initial = ctypes.addressof(initial)
        target.surrogate, target.lag, target.keep = code.surrogate, code.lag, code.keep
        target.threshold, target.scale = stage.numbers
        target.recurrent = self.pointer(stage.tensors.recurrent)
        target.rows = self.pointer(stage.tensors.rows)
        if stage.tensors.taps is not None:
            target.taps = self.pointer(stage.tensors.taps)
            target.nb_taps = stage.tensors.taps.shape[0]
        if stage.mask is not None:
            target.mask, target.mask_steps = self.pointer(stage.mask), stage.mask.shape[1]

    def new_trace(self) -> Tensor:
        """Memory for what the backward pass reads, uint8 ``[bytes]``; already the call's own."""
        trace = loans.lend(self.sizes.trace_bytes)
        self.set_trace(trace)
        return trace

    def set_trace(self, trace: Tensor) -> None:
        """What all stages keep comes first, as it wants the alignment; then bits.

        Raises:
            RuntimeError: a forward pass that kept no trace is asked for gradients.
        """
        kept = isinstance(trace, Tensor) and trace.dtype == torch.uint8
        if not kept or trace.shape != (self.sizes.trace_bytes,):
            raise RuntimeError("the forward pass kept no trace for a backward pass")
        if trace.data_ptr() % _ALIGNMENT:
            trace = trace.clone()
        size, rows = self.dtype.itemsize, self.sizes.batch * self.sizes.steps
        lanes = self.kernels.vector_bytes // size
        position = self.pointer(trace) or 0
        for target, stage in zip(self.stages, self.given, strict=True):
            numbers = rows * padded(stage.units, lanes) * size
            target.kept = position
            position += stage.kept * numbers
        for target, stage in zip(self.stages, self.given, strict=True):
            target.spikes = position
            position += rows * words(stage.units) * 8

    def want_gradients(
        self, wanted: Sequence[bool], *, from_trace: bool = False
    ) -> list[Tensor | None]:
        """Outputs for the gradients of those parameters that want one, known to the call.

        Args:
            wanted: for each parameter.
            from_trace: the call reads what a forward pass kept.

        Raises:
            ValueError: there is no such gradient, or it needs a current that was not kept.
        """
        require_gradients(self.given, self.read, wanted, from_trace)
        pending = iter(wanted)
        grads: list[Tensor | None] = []

        def output(parameter: Tensor | None) -> int | None:
            if parameter is None:
                return None
            # contiguous, whatever the parameter is
            grads.append(parameter.new_empty(parameter.shape) if next(pending) else None)
            return self.pointer(grads[-1])

        for i, (target, stage) in enumerate(zip(self.stages, self.given, strict=True)):
            self.grad_weights[i] = output(stage.tensors.weight)
            for name, parameter in zip(StageTensors._fields[1:], stage.tensors[1:], strict=True):
                setattr(target, f"grad_{name}", output(parameter))
        if self.read is not None:
            self.grad_weights[len(self.stages)] = output(self.read.weight)
        return grads

    def set_loss(
        self, labels: Tensor, sample_weight: Tensor, rate: float, smoothing: float
    ) -> tuple[Tensor, Tensor]:
        """The fused step's loss from labels and weights ``[batch]``.

        Returns:
            Each sample's part of the negative log-likelihood and its hidden spikes, float64
            ``[batch]``, written when the call runs.
        """
        nll, spikes = torch.empty(2, self.sizes.batch, dtype=torch.float64)
        self.loss = library.Loss(
            labels=self.pointer(labels),
            sample_weight=self.pointer(sample_weight.to(self.dtype)),
            nll=self.pointer(nll),
            spikes=self.pointer(spikes),
            spike_rate=rate,
            smoothing=smoothing,
        )
        self.problem.loss = ctypes.pointer(self.loss)
        return nll, spikes

    def run(self, mode: int) -> None:
        """Call the kernels.

        Raises:
            IndexError: an event names a unit that the first layer has no weights for, the index a
                sample that the store does not have, or a label no class.
            ValueError: a stage names a surrogate that was not compiled, or row bounds are damaged.
            MemoryError: there is not enough memory; another call may go well.
            RuntimeError: anything else that went wrong.
        """
        function = self.kernels.functions[self.dtype.itemsize]
        status = function(ctypes.byref(self.problem), mode)
        if status != library.DONE:
            raise self._error(status)

    def _error(self, status: int) -> Exception:
        if status == library.UNKNOWN_UNIT:
            return faults.unknown_unit(self.problem.input.units)
        if status == library.UNKNOWN_SAMPLE:
            return faults.unknown_sample(self._index, self.problem.input.nb_samples)
        if status == library.DAMAGED_ROWS:
            return faults.damaged_rows()
        if status == library.UNKNOWN_LABEL:
            return faults.unknown_label(self.sizes.batch, self.sizes.classes)
        if status == library.UNKNOWN_CODE:
            return ValueError(
                "a number of a surrogate or another code is none of the compiled ones"
            )
        if status == library.NO_MEMORY:
            return MemoryError("not enough memory for a call of the kernels")
        return RuntimeError("a call of the kernels has failed")
