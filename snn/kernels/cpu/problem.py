"""What the operators' arguments say: stages, a readout and sizes, checked."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from snn.kernels.cpu import library, programs
from snn.kernels.cpu.arguments import Arguments, StageCode, StageNumbers, StageTensors
from snn.neurons.declaration.program import Program

_MOST_UNITS = 2**31 - 64
"""Unit ids and bits of spikes are counted with 32 bits."""
_MOST_BYTES = 2**62


class Stage(NamedTuple):
    """A stage taken out of :class:`Arguments`."""

    code: StageCode
    numbers: StageNumbers
    initial: tuple[float, ...]
    """Of each state."""
    program: Program | None
    """None: an encoder."""
    tensors: StageTensors
    mask: Tensor | None

    @property
    def units(self) -> int:
        return self.tensors.rows.shape[1]

    @property
    def kept(self) -> int:
        """How many values of each neuron and step a backward pass wants."""
        if self.program is None:
            return 1
        return len(self.program.backward("rows" if self.code.keep == 2 else "weights").keep)


class Readout(NamedTuple):
    """The readout taken out of :class:`Arguments`."""

    weight: Tensor
    alpha: Tensor
    beta: Tensor
    gain: Tensor


def decode(args: Arguments) -> tuple[list[Stage], Readout | None]:
    """The stages and the readout, with everything in the shape that a kernel may rely on.

    The operators are public, so that nothing is known about their arguments before this.

    Raises:
        ValueError: something does not fit.
    """
    width = len(StageCode._fields)
    nb_stages = len(args.codes) // width
    _require(
        nb_stages > 0 and len(args.codes) == nb_stages * width,
        f"{len(args.codes)} codes: must be {width} a stage",
    )
    parameters, fixed, numbers = iter(args.parameters), iter(args.fixed), iter(args.numbers)
    stages: list[Stage] = []
    for i in range(nb_stages):
        code = StageCode(*args.codes[i * width : (i + 1) * width])
        program = _checked_program(code, i)
        of_stage = list(itertools.islice(numbers, 2))
        nb_states = 0 if program is None else len(program.after)
        initial = tuple(itertools.islice(numbers, nb_states))
        _require(
            len(of_stage) == 2 and len(initial) == nb_states,
            "too few numbers: must be 2 a stage, and one for each state of its neuron",
        )
        given = [
            next(parameters, None) if code.present >> bit & 1 else None
            for bit in range(len(StageTensors._fields))
        ]
        mask = next(fixed, None) if code.masked else None
        stages.append(
            Stage(code, StageNumbers(*of_stage), initial, program, StageTensors(*given), mask)
        )
    _require(next(numbers, None) is None, "there are more numbers than the stages take")
    weight, constants = next(parameters, None), list(fixed)
    wanted = 0 if weight is None else 3
    _require(
        next(parameters, None) is None and len(constants) == wanted,
        "the numbers of parameters and of fixed tensors are not those of the stages and a readout",
    )
    readout = None if weight is None else Readout(weight, *constants)
    _check_shapes(args, stages, readout)
    return stages, readout


_NEURONS_PRESENT = 0b0101
_ENCODER_PRESENT = 0b0100
_RECURRENT = 0b0010
_DELAYED = 0b1000


def _checked_program(code: StageCode, position: int) -> Program | None:
    """That of a stage; None for an encoder."""
    fits = code.masked in (0, 1) and code.lag in (1, 2) and code.keep in (1, 2)
    if code.present == _ENCODER_PRESENT:
        fits, program = fits and position == 0 and code.neuron == 0, None
    else:
        program = programs.numbered(code.neuron)
        optional = _RECURRENT | _DELAYED
        fits = fits and program is not None and code.present & ~optional == _NEURONS_PRESENT
        if code.present & _DELAYED:
            fits = fits and bool(code.present & _RECURRENT) and code.lag == 2
        if fits and code.present & _RECURRENT and code.lag == 1:
            fits = program.latency > 0
    if not fits:
        raise ValueError(f"{code} is no stage {position}")
    return program


def _check_shapes(args: Arguments, stages: list[Stage], readout: Readout | None) -> None:
    like = stages[0].tensors.rows
    _require(
        isinstance(like, Tensor) and like.dtype in (torch.float32, torch.float64),
        "the kernels compute in float32 and float64",
    )
    batch, inputs = _check_source(args, like)
    for stage in stages:
        of_neurons, program = stage.tensors.rows, stage.program
        flat = isinstance(of_neurons, Tensor) and of_neurons.dim() == 2
        units = of_neurons.shape[1] if flat else 0
        nb_rows = 3 if program is None else len(program.rows)
        taps = stage.tensors.taps
        nb_taps = taps.shape[0] if isinstance(taps, Tensor) and taps.dim() == 2 else 0
        shapes = (inputs, units), (units, units), (nb_rows, units), (max(nb_taps, 1), units)
        _require(0 < units < _MOST_UNITS, "a stage has too few or too many units")
        for bit, (tensor, shape) in enumerate(zip(stage.tensors, shapes, strict=True)):
            if stage.code.present >> bit & 1:
                _fits(StageTensors._fields[bit], tensor, shape, like)
        if stage.code.masked:
            held = isinstance(stage.mask, Tensor) and stage.mask.shape[1:2] == (1,)
            wanted = batch, 1 if held else args.nb_steps, units
            _fits("a mask", stage.mask, wanted, like)
        if stage.program is None:
            whole = args.index is None and inputs > 0 and units % inputs == 0
            _require(whole, "an encoder's units are no multiple of the channels of a signal")
        inputs = units
    if readout is not None:
        classes = readout.weight.shape[1] if readout.weight.dim() == 2 else 0
        _require(0 < classes < _MOST_UNITS, "there are too few or too many classes")
        _fits("the readout's weight", readout.weight, (inputs, classes), like)
        for constant in readout[1:]:
            _fits("a constant of the readout", constant, (classes,), like)


def _check_source(args: Arguments, like: Tensor) -> tuple[int, int]:
    """The numbers of samples and of input units."""
    x, indptr, index = args.x, args.indptr, args.index
    steps, inputs = args.nb_steps, args.nb_inputs
    _require(isinstance(x, Tensor), "there is no x")
    _require(steps >= 0 and 0 <= inputs < _MOST_UNITS, "there are too few or too many inputs")
    if index is None:
        _require(indptr is None and x.dim() == 3, "events need both indptr and index")
        _fits("x", x, (x.shape[0], steps, inputs), like)
        return x.shape[0], inputs
    _require(
        indptr is not None
        and steps > 0
        and x.dim() == indptr.dim() == index.dim() == 1
        and x.dtype in (torch.int16, torch.int32)
        and indptr.dtype == index.dtype == torch.int64
        and indptr.shape[0] > 0
        and (indptr.shape[0] - 1) % steps == 0,
        "events must be int16 or int32 unit ids [event], int64 row bounds [sample * step + 1] "
        "and an int64 index [batch]",
    )
    return index.shape[0], inputs


def _fits(name: str, tensor: object, shape: tuple[int, ...], like: Tensor) -> None:
    if not isinstance(tensor, Tensor) or tensor.shape != shape or tensor.dtype != like.dtype:
        found = f"{tuple(tensor.shape)}, {tensor.dtype}" if isinstance(tensor, Tensor) else None
        raise ValueError(f"{name} is {found}: must be {tuple(shape)}, {like.dtype}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


class Sizes(NamedTuple):
    """Sizes of a call, known without any data; with symbolic sizes they are symbolic."""

    batch: int
    steps: int
    units: list[int]
    """Of each stage."""
    classes: int | None
    """None: the network ends with spikes."""
    trace_bytes: int
    """Of the memory that a backward pass reads, see :meth:`snn.kernels.cpu.call.Call.set_trace`."""

    @classmethod
    def of(cls, args: Arguments) -> Sizes:
        """Of arguments that have not been decoded yet."""
        return cls.of_parts(args, *decode(args))

    @classmethod
    def of_parts(cls, args: Arguments, stages: list[Stage], readout: Readout | None) -> Sizes:
        batch = args.x.shape[0] if args.index is None else args.index.shape[0]
        size = stages[0].tensors.rows.dtype.itemsize
        lanes = library.loaded().vector_bytes // size
        row = 0  # bytes of all stages for one sample and step
        for stage in stages:
            row += stage.kept * padded(stage.units, lanes) * size
            row += words(stage.units) * 8
        classes = None if readout is None else readout.weight.shape[1]
        units = [stage.units for stage in stages]
        return cls(batch, args.nb_steps, units, classes, batch * args.nb_steps * row)

    def require_countable(self) -> None:
        """Refuse a call whose bytes no machine can address, before they are multiplied in C.

        Raises:
            MemoryError: it is one.
        """
        widest = max(64, *self.units, self.classes or 0)
        rows = (self.batch + 1) * (self.steps + 2)
        if max(rows * widest * 16, self.trace_bytes, (widest * 2 + 64) ** 2 * 8) >= _MOST_BYTES:
            raise MemoryError(f"{self.batch} samples of {self.steps} steps are too many")


def require_gradients(
    stages: list[Stage], readout: Readout | None, wanted: Sequence[bool], from_trace: bool
) -> None:
    """Check which parameters a backward pass is asked for the gradients of.

    Args:
        stages: as decoded.
        readout: as decoded.
        wanted: for each parameter.
        from_trace: the pass reads what a forward pass kept.

    Raises:
        ValueError: there is no such gradient, or it needs what was not kept.
    """
    pending = iter(wanted)
    for i, stage in enumerate(stages):
        for name, tensor in zip(StageTensors._fields, stage.tensors, strict=True):
            if tensor is None or not next(pending, False):
                continue
            learned = stage.program is not None and name == "rows"
            if learned and from_trace and stage.code.keep != 2:
                raise ValueError(f"stage {i} has no gradient of its rows: it kept too little")
    if readout is not None:
        next(pending, None)
    count = sum(t is not None for stage in stages for t in stage.tensors) + (readout is not None)
    _require(len(wanted) == count, "there are more or fewer gradients wanted than parameters")


def check_incoming(
    stages: list[Stage],
    sizes: Sizes,
    out_shape: tuple[int, ...],
    grad_out: Tensor | None,
    grad_counts: Sequence[Tensor | None],
    drive: bool,
) -> None:
    """Check the gradients that come into a backward pass.

    Raises:
        ValueError: they are not those of the results.
    """
    like = stages[0].tensors.rows
    _require(
        len(grad_counts) == len(stages),
        "there are more or fewer gradients of spike counts than stages",
    )
    _require(not (drive and stages[0].program is None), "an encoder has no gradient of its drive")
    if grad_out is not None:
        _fits("the gradient of the result", grad_out, out_shape, like)
    for units, grad in zip(sizes.units, grad_counts, strict=True):
        if grad is not None:
            _fits("the gradient of spike counts", grad, (sizes.batch, units), like)


def padded(units: int, lanes: int) -> int:
    """Units rounded up to whole vectors."""
    return (units + lanes - 1) // lanes * lanes


def words(units: int) -> int:
    """64-bit words of a bit set."""
    return (units + 63) // 64
