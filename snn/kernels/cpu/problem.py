"""What the operators' arguments say: stages, a readout and sizes, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from snn.kernels.cpu import library
from snn.kernels.cpu.arguments import Arguments, StageCode, StageNumbers, StageTensors

_MOST_UNITS = 2**31 - 64
"""Unit ids and bits of spikes are counted with 32 bits."""
_MOST_BYTES = 2**62


class Stage(NamedTuple):
    """A stage taken out of :class:`Arguments`."""

    code: StageCode
    numbers: StageNumbers
    tensors: StageTensors
    mask: Tensor | None

    @property
    def units(self) -> int:
        return self.tensors.beta.shape[0]


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
    width, floats = len(StageCode._fields), len(StageNumbers._fields)
    nb_stages = len(args.codes) // width
    lengths = len(args.codes), len(args.numbers)
    if nb_stages == 0 or lengths != (nb_stages * width, nb_stages * floats):
        raise ValueError(f"{lengths} codes and numbers: must be {width} and {floats} a stage")
    parameters, fixed = iter(args.parameters), iter(args.fixed)
    stages: list[Stage] = []
    for i in range(nb_stages):
        code = StageCode(*args.codes[i * width : (i + 1) * width])
        _check_code(code, i)
        numbers = StageNumbers(*args.numbers[i * floats : (i + 1) * floats])
        given = [
            next(parameters, None) if code.present >> bit & 1 else None
            for bit in range(len(StageTensors._fields))
        ]
        mask = next(fixed, None) if code.masked else None
        stages.append(Stage(code, numbers, StageTensors(*given), mask))
    weight, constants = next(parameters, None), list(fixed)
    wanted = 0 if weight is None else 3
    _require(
        next(parameters, None) is None and len(constants) == wanted,
        "the numbers of parameters and of fixed tensors are not those of the stages and a readout",
    )
    readout = None if weight is None else Readout(weight, *constants)
    _check_shapes(args, stages, readout)
    return stages, readout


_LIF_PRESENT = 0b011101
_ENCODER_PRESENT = 0b111000
_RECURRENT = 0b000010


def _check_code(code: StageCode, position: int) -> None:
    flags = code.reset_zero, code.attached, code.masked, code.keep_current, code.encoder
    fits = all(flag in (0, 1) for flag in flags) and code.lag in (1, 2)
    if code.encoder == 1:
        fits = fits and position == 0 and not code.attached and code.present == _ENCODER_PRESENT
    else:
        fits = fits and code.present & ~_RECURRENT == _LIF_PRESENT
        fits = fits and code.keep_current >= code.attached
    if not fits:
        raise ValueError(f"{code} is no stage {position}")


def _check_shapes(args: Arguments, stages: list[Stage], readout: Readout | None) -> None:
    like = stages[0].tensors.beta
    _require(
        isinstance(like, Tensor) and like.dtype in (torch.float32, torch.float64),
        "the kernels compute in float32 and float64",
    )
    batch, inputs = _check_source(args, like)
    for stage in stages:
        units = stage.tensors.beta.shape[0] if isinstance(stage.tensors.beta, Tensor) else 0
        shapes = (inputs, units), (units, units), (units,), (units,), (units,), (units,)
        _require(0 < units < _MOST_UNITS, "a stage has too few or too many units")
        for bit, (tensor, shape) in enumerate(zip(stage.tensors, shapes, strict=True)):
            if stage.code.present >> bit & 1:
                _fits(StageTensors._fields[bit], tensor, shape, like)
        if stage.code.masked:
            held = isinstance(stage.mask, Tensor) and stage.mask.shape[1:2] == (1,)
            wanted = batch, 1 if held else args.nb_steps, units
            _fits("a mask", stage.mask, wanted, like)
        if stage.code.encoder:
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
        size = stages[0].tensors.beta.dtype.itemsize
        lanes = library.loaded().vector_bytes // size
        row = 0  # bytes of all stages for one sample and step
        for stage in stages:
            row += (1 + stage.code.keep_current) * padded(stage.units, lanes) * size
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
        ValueError: there is no such gradient, or it needs a current that was not kept.
    """
    pending = iter(wanted)
    for i, stage in enumerate(stages):
        for name, tensor in zip(StageTensors._fields, stage.tensors, strict=True):
            if tensor is None or not next(pending, False):
                continue
            constant = name in ("alpha", "beta", "gain")
            if stage.code.encoder:
                refused = name == "beta"
            else:
                refused = constant and from_trace and not stage.code.keep_current
            if refused:
                raise ValueError(f"stage {i} has no gradient of {name}, or its trace no current")
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
    like = stages[0].tensors.beta
    _require(
        len(grad_counts) == len(stages),
        "there are more or fewer gradients of spike counts than stages",
    )
    _require(not (drive and stages[0].code.encoder), "an encoder has no gradient of its drive")
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
