"""From tensors to the C structs of one call, and the memory that it needs."""

from __future__ import annotations

import ctypes
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from snn.events import EventBatch
from snn.functional import LIFDynamics
from snn.kernels import library
from snn.surrogate import SURROGATES

FORWARD, BACKWARD, FUSED = 1, 2, 3
_SURROGATE_ID = {name: i for i, name in enumerate(SURROGATES)}


class StageTensors(NamedTuple):
    """What a stage computes with. Constants are ``[unit]``, whatever the user gave."""

    weight: Tensor | None
    """Into the stage, ``[input, unit]``; None for an encoder."""
    recurrent_weight: Tensor | None
    """``[unit, unit]``."""
    alpha: Tensor | None
    beta: Tensor
    gain: Tensor
    """Factor of the current; of an encoder its own gain."""
    bias: Tensor | None
    """Of an encoder."""


@dataclass(frozen=True)
class Stage:
    """What is fixed about a stage."""

    units: int
    dynamics: LIFDynamics
    encoder: bool = False
    mask: Tensor | None = None
    """``[batch, step or 1, unit]``."""


@dataclass(frozen=True)
class Readout:
    """What is fixed about the readout; constants ``[class]``."""

    classes: int
    alpha: Tensor
    beta: Tensor
    gain: Tensor


@dataclass(frozen=True)
class Spec:
    """One call but for the tensors that have gradients."""

    x: EventBatch | Tensor
    batch: int
    steps: int
    dtype: torch.dtype
    stages: tuple[Stage, ...]
    readout: Readout | None
    keep_current: tuple[bool, ...]
    """Stages whose synaptic current the backward pass will need."""
    dense_spikes: bool = False
    """Write out the last stage's spikes."""


_free: defaultdict[tuple[int, torch.dtype], list[Tensor]] = defaultdict(list)


class Lease:
    """Memory on loan: traces of the same sizes come back at every step of a training."""

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []

    def empty(self, size: int, dtype: torch.dtype) -> Tensor:
        free = _free[size, dtype]
        tensor = free.pop() if free else torch.empty(size, dtype=dtype)
        self._tensors.append(tensor)
        return tensor

    def __del__(self) -> None:
        for tensor in self._tensors:
            free = _free[tensor.numel(), tensor.dtype]
            if len(free) < 2:
                free.append(tensor)


@dataclass
class Call:
    """A problem in the making. Tensors that it points to live as long as it does."""

    spec: Spec
    kernels: library.Library
    _alive: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        spec = self.spec
        self.problem = library.Problem(
            batch=spec.batch, steps=spec.steps, threads=torch.get_num_threads()
        )
        self.problem.nb_stages = len(spec.stages)
        self.stages = (library.Stage * len(spec.stages))()
        self.problem.stages = self.stages
        nb_weights = len(spec.stages) + 1
        self.weights = (ctypes.c_void_p * nb_weights)()
        self.grad_weights = (ctypes.c_void_p * nb_weights)()
        self.problem.weights, self.problem.grad_weights = self.weights, self.grad_weights
        self.readout = library.Readout()
        if spec.readout:
            self.problem.readout = ctypes.pointer(self.readout)
            self.readout.classes = spec.readout.classes
            for name in ("alpha", "beta", "gain"):
                setattr(self.readout, name, self.pointer(getattr(spec.readout, name)))
        self._set_input()

    def pointer(self, tensor: Tensor | None) -> int | None:
        """Address of a tensor's data, made contiguous; the call keeps it alive."""
        if tensor is None:
            return None
        tensor = tensor.detach().contiguous()
        self._alive.append(tensor)
        return tensor.data_ptr()

    def _set_input(self) -> None:
        x, target = self.spec.x, self.problem.input
        if isinstance(x, Tensor):
            target.kind, target.units = 2, x.shape[2]
            target.dense = self.pointer(x.to(self.spec.dtype))
            return
        store = x.store
        target.kind = 0 if store.units.dtype == torch.int16 else 1
        target.units = store.nb_units
        target.indptr, target.events = self.pointer(store.indptr), self.pointer(store.units)
        target.index = self.pointer(x.index)

    def set_stages(self, tensors: list[StageTensors], readout_weight: Tensor | None) -> None:
        """Constants and weights."""
        for i, (target, stage, given) in enumerate(
            zip(self.stages, self.spec.stages, tensors, strict=True)
        ):
            dynamics = stage.dynamics
            target.kind, target.units = int(stage.encoder), stage.units
            target.recurrent = self.pointer(given.recurrent_weight)
            for name in ("alpha", "beta", "gain", "bias"):
                setattr(target, name, self.pointer(getattr(given, name)))
            target.threshold, target.scale = dynamics.threshold, dynamics.scale
            target.initial = dynamics.initial_potential
            target.surrogate = _SURROGATE_ID[dynamics.surrogate]
            target.reset_zero = dynamics.reset == "zero"
            target.attached = not (dynamics.detach_reset or stage.encoder)
            target.lag = 2 if dynamics.recurrence == "previous" else 1
            if stage.mask is not None:
                target.mask = self.pointer(stage.mask.to(self.spec.dtype))
                target.mask_steps = stage.mask.shape[1]
            self.weights[i] = self.pointer(given.weight)
        self.weights[len(self.spec.stages)] = self.pointer(readout_weight)

    def keep_traces(self, lease: Lease) -> list[tuple[Tensor, Tensor | None, Tensor]]:
        """Memory for potentials, currents and spikes of each stage."""
        spec, traces = self.spec, []
        lanes = self.kernels.vector_bytes // spec.dtype.itemsize
        for stage, current in zip(spec.stages, spec.keep_current, strict=True):
            size = spec.batch * spec.steps * -(-stage.units // lanes) * lanes
            words = spec.batch * spec.steps * -(-stage.units // 64)
            traces.append(
                (
                    lease.empty(size, spec.dtype),
                    lease.empty(size, spec.dtype) if current else None,
                    lease.empty(words, torch.int64),
                )
            )
        return traces

    def set_traces(self, traces: list[tuple[Tensor, Tensor | None, Tensor]]) -> None:
        for target, (potential, current, spikes) in zip(self.stages, traces, strict=True):
            target.potential, target.current = self.pointer(potential), self.pointer(current)
            target.spikes = self.pointer(spikes)

    def set_loss(self, labels: Tensor, sample_weight: Tensor, rate: float) -> tuple[Tensor, Tensor]:
        """The fused step's loss from labels and weights ``[batch]``.

        Returns:
            Each sample's part of the negative log-likelihood and its hidden spikes, float64
            ``[batch]``, written when the call runs.
        """
        nll, spikes = torch.empty(2, self.spec.batch, dtype=torch.float64)
        self.loss = library.Loss(
            labels=self.pointer(labels),
            sample_weight=self.pointer(sample_weight.to(self.spec.dtype)),
            nll=self.pointer(nll),
            spikes=self.pointer(spikes),
            spike_rate=rate,
        )
        self.problem.loss = ctypes.pointer(self.loss)
        return nll, spikes

    def run(self, mode: int) -> None:
        """Call the kernels.

        Raises:
            IndexError: an event names a unit that the first layer has no weights for.
        """
        function = self.kernels.functions[self.spec.dtype.itemsize]
        if function(ctypes.byref(self.problem), mode):
            raise IndexError(f"an event's unit lies outside 0..{self.problem.input.units - 1}")
