"""What the kernels are called with: a network and its input as tensors, integers and floats."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from snn.kernels.cpu import library


class StageTensors(NamedTuple):
    """What a stage computes with and may have gradients of. Constants are ``[unit]``."""

    weight: Tensor | None
    """Into the stage, ``[input, unit]``; None for an encoder."""
    recurrent: Tensor | None
    """``[unit, unit]``."""
    alpha: Tensor | None
    beta: Tensor
    gain: Tensor
    """Factor of the current; of an encoder its own gain."""
    bias: Tensor | None
    """Of an encoder."""


class StageCode(NamedTuple):
    """What is fixed about a stage, as integers."""

    encoder: int
    surrogate: int
    """Position in :data:`snn.kernels.surrogates.COMPILED`."""
    reset_zero: int
    attached: int
    """The reset takes part in the gradient."""
    lag: int
    """Steps from a spike to the recurrent current."""
    masked: int
    """There is a dropout mask."""
    keep_current: int
    """The backward pass will need the synaptic current."""
    present: int
    """Which fields of :class:`StageTensors` are not None, as bits."""


class StageNumbers(NamedTuple):
    """What is fixed about a stage, as floats."""

    threshold: float
    initial: float
    scale: float


class Arguments(NamedTuple):
    """A network and its input, in the kinds of values that a PyTorch operator takes."""

    x: Tensor
    """Counts or an analog signal ``[batch, step, input]``; or unit ids of a store, ``[event]``."""
    indptr: Tensor | None
    """Of the store, see :class:`snn.events.EventStore`."""
    index: Tensor | None
    """Samples of the store, int64 ``[batch]``."""
    nb_steps: int
    nb_inputs: int
    parameters: list[Tensor]
    """What may have a gradient: each stage's :class:`StageTensors`, then the readout's weight."""
    fixed: list[Tensor]
    """Masks ``[batch, step or 1, unit]``, then the readout's alpha, beta and gain ``[class]``."""
    codes: list[int]
    """A :class:`StageCode` for each stage."""
    numbers: list[float]
    """A :class:`StageNumbers` for each stage."""


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
    """The stages and the readout."""
    parameters, fixed = iter(args.parameters), iter(args.fixed)
    width, floats = len(StageCode._fields), len(StageNumbers._fields)
    stages = []
    for i in range(len(args.codes) // width):
        code = StageCode(*args.codes[i * width : (i + 1) * width])
        numbers = StageNumbers(*args.numbers[i * floats : (i + 1) * floats])
        given = (
            next(parameters) if code.present >> bit & 1 else None
            for bit in range(len(StageTensors._fields))
        )
        stages.append(
            Stage(code, numbers, StageTensors(*given), next(fixed) if code.masked else None)
        )
    weight = next(parameters, None)
    return stages, None if weight is None else Readout(weight, *fixed)


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


def padded(units: int, lanes: int) -> int:
    """Units rounded up to whole vectors."""
    return (units + lanes - 1) // lanes * lanes


def words(units: int) -> int:
    """64-bit words of a bit set."""
    return (units + 63) // 64
