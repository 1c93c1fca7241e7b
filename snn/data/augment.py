"""Changes to training samples, drawn anew whenever a sample is shown.

Each class takes a batch as coordinates of its events, or as analog signals, or as either, and
gives back a changed one; :mod:`snn.data.augmented` calls them. Their fields are all they hold,
like encoders'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Self

import numpy as np
import torch
from pydantic import Field

from snn.checks import NonNegative, checked
from snn.data.augmentation import Augmentation, Probability, Size, kept
from snn.errors import ConfigError
from snn.events.encoding import Events

Steps = Annotated[int, Field(ge=0)]
Grid = list[Annotated[int, Field(gt=0)]]


class _OnGrid:
    """What knows how units lie beside each other: by its ``shape``, else as the data set says."""

    shape: Grid | None

    def on_grid(self, grid: Sequence[int] | None) -> Self:
        return self if self.shape or not grid else replace(self, shape=list(grid))

    def check_units(self, nb_units: int) -> None:
        if self.shape is not None and math.prod(self.shape) != nb_units:
            allowed = f"extents of {nb_units} units in all"
            raise ConfigError(f"augment.{self.name}.shape", self.shape, allowed)


@cache
def _normal_quantiles(sigma: float) -> np.ndarray:
    """Rounded quantiles of a normal distribution at the middles of 2^16 equal shares, int32."""
    shares = (torch.arange(2**16, dtype=torch.float64) + 0.5) / 2**16
    return (sigma * torch.special.ndtri(shares)).round().int().numpy()


def _rounded_normal(count: int, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Whole numbers from a normal distribution, by its quantiles: faster than its own generator."""
    return _normal_quantiles(sigma)[rng.integers(2**16, size=count, dtype=np.uint16)]


@checked(prefix="augment.event_dropout")
@dataclass(frozen=True)
class EventDropout(Augmentation):
    """Leaves out each event with probability ``p``."""

    name = "event_dropout"
    p: Probability = 0.1

    def events(self, events: Events, size: Size, rng: np.random.Generator) -> Events:
        return kept(events, rng.random(len(events.unit), np.float32) >= self.p)


@checked(prefix="augment.unit_dropout")
@dataclass(frozen=True)
class UnitDropout(Augmentation):
    """Silences each unit of a sample, or zeroes each channel, with probability ``p``."""

    name = "unit_dropout"
    p: Probability = 0.1

    def events(self, events: Events, size: Size, rng: np.random.Generator) -> Events:
        keep = rng.random((size.samples, size.units), np.float32) >= self.p
        return kept(events, keep[events.sample, events.unit])

    def signals(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        keep = rng.random((len(x), 1, x.shape[2]), np.float32) >= self.p
        return x * keep


@checked(prefix="augment.unit_jitter")
@dataclass(frozen=True)
class UnitJitter(Augmentation):
    """Moves each event to a unit nearby, by a normal number of units of deviation ``sigma``.

    Cramer et al. 2022, IEEE Trans. Neural Netw. Learn. Syst. 33:2744, jitter channels of SHD so.
    """

    name = "unit_jitter"
    sigma: NonNegative = 5.0

    def events(self, events: Events, size: Size, rng: np.random.Generator) -> Events:
        return events._replace(
            unit=events.unit + _rounded_normal(len(events.unit), self.sigma, rng)
        )


@checked(prefix="augment.unit_shift")
@dataclass(frozen=True)
class UnitShift(_OnGrid, Augmentation):
    """Moves all events of a sample by the same number of units, up to ``max_shift`` either way.

    Args:
        max_shift: units; all whole numbers up to it are equally likely.
        shape: extents of the grid that the units form, row by row: ``[28, 28]`` shifts images of
            that size along both sides. None: the data set's own, of images; else they form a line.
    """

    name = "unit_shift"
    max_shift: Annotated[int, Field(ge=0)] = 1
    shape: Grid | None = None

    def events(self, events: Events, size: Size, rng: np.random.Generator) -> Events:
        self.check_units(size.units)
        shape = self.shape or [size.units]
        shift = rng.integers(-self.max_shift, self.max_shift + 1, (len(shape), size.samples))
        place = np.stack(np.unravel_index(events.unit, shape)) + shift[:, events.sample]
        extents = np.array(shape)[:, None]
        events = kept(events, ((place >= 0) & (place < extents)).all(0))
        # What stays on the grid has moved by the same number of units in its flat order.
        strides = np.cumprod([1, *shape[:0:-1]])[::-1]
        moved = (strides @ shift).astype(np.int32)
        return events._replace(unit=events.unit + moved[events.sample])


@checked(prefix="augment.unit_flip")
@dataclass(frozen=True)
class UnitFlip(_OnGrid, Augmentation):
    """Mirrors the units of a sample with probability ``p``.

    Args:
        p: of a sample.
        shape: extents of the grid that the units form, row by row: ``[28, 28]`` for images of that
            size. None: the data set's own, of images; else they form a line.
        axis: of the grid, counted from 0 or from the end; the last one swaps left and right of an
            image.
    """

    name = "unit_flip"
    p: Annotated[float, Field(ge=0, le=1)] = 0.5
    shape: Grid | None = None
    axis: int = -1

    def __post_init__(self) -> None:
        if self.shape:
            self._check_axis(len(self.shape))

    def _check_axis(self, sides: int) -> None:
        if not -sides <= self.axis < sides:
            allowed = f"{-sides} to {sides - 1}, of {sides} extents"
            raise ConfigError(f"augment.{self.name}.axis", self.axis, allowed)

    def check_units(self, nb_units: int) -> None:
        super().check_units(nb_units)
        self._check_axis(len(self.shape or [nb_units]))

    def events(self, events: Events, size: Size, rng: np.random.Generator) -> Events:
        self.check_units(size.units)
        shape = self.shape or [size.units]
        axis = self.axis % len(shape)
        extent, stride = shape[axis], math.prod(shape[axis + 1 :])
        mirrored = rng.random(size.samples) < self.p
        place = events.unit // stride % extent
        moved = np.where(mirrored[events.sample], (extent - 1 - 2 * place) * stride, 0)
        return events._replace(unit=events.unit + moved)


@checked(prefix="augment.time_jitter")
@dataclass(frozen=True)
class TimeJitter(Augmentation):
    """Moves each event in time, by a normal number of steps of deviation ``sigma``."""

    name = "time_jitter"
    sigma: NonNegative = 1.0

    def events(self, events: Events, size: Size, rng: np.random.Generator) -> Events:
        return events._replace(
            step=events.step + _rounded_normal(len(events.step), self.sigma, rng)
        )


@checked(prefix="augment.time_shift")
@dataclass(frozen=True)
class TimeShift(Augmentation):
    """Moves a whole sample in time, up to ``max_shift`` steps either way.

    Signals repeat their first or last value where they end.
    """

    name = "time_shift"
    max_shift: Steps = 2

    def _draw(self, samples: int, rng: np.random.Generator) -> np.ndarray:
        return rng.integers(-self.max_shift, self.max_shift + 1, samples, np.int32)

    def events(self, events: Events, size: Size, rng: np.random.Generator) -> Events:
        return events._replace(step=events.step + self._draw(size.samples, rng)[events.sample])

    def signals(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        steps = x.shape[1]
        source = np.arange(steps) - self._draw(len(x), rng)[:, None]  # [sample, step]
        return np.take_along_axis(x, source.clip(0, steps - 1)[:, :, None], 1)


@checked(prefix="augment.time_stretch")
@dataclass(frozen=True)
class TimeStretch(Augmentation):
    """Plays a sample slower or faster by up to ``max_factor``, from its first step on.

    The factor is log-uniform in ``1 / max_factor .. max_factor``. Signals are interpolated
    linearly, and hold their last value when they end early.
    """

    name = "time_stretch"
    max_factor: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.1

    def _draw(self, samples: int, rng: np.random.Generator) -> np.ndarray:
        limit = math.log(self.max_factor)
        return np.exp(rng.uniform(-limit, limit, samples)).astype(np.float32)

    def events(self, events: Events, size: Size, rng: np.random.Generator) -> Events:
        middle = (events.step + np.float32(0.5)) * self._draw(size.samples, rng)[events.sample]
        return events._replace(step=middle.astype(np.int32))

    def signals(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        last = x.shape[1] - 1
        place = np.arange(last + 1, dtype=np.float32) / self._draw(len(x), rng)[:, None]
        place = place.clip(0, last)
        before = place.astype(np.int32)[:, :, None]
        after = np.minimum(before + 1, last)
        share = place[:, :, None] - before
        start, end = (np.take_along_axis(x, index, 1) for index in (before, after))
        return (start + share * (end - start)).astype(x.dtype)


@checked(prefix="augment.signal_noise")
@dataclass(frozen=True)
class SignalNoise(Augmentation):
    """Adds normal noise of deviation ``sigma`` to every value of a signal."""

    name = "signal_noise"
    sigma: NonNegative = 0.1

    def signals(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return x + x.dtype.type(self.sigma) * rng.standard_normal(x.shape, x.dtype)


@checked(prefix="augment.signal_gain")
@dataclass(frozen=True)
class SignalGain(Augmentation):
    """Multiplies each channel of a sample by ``exp(sigma * N(0, 1))``."""

    name = "signal_gain"
    sigma: NonNegative = 0.1

    def signals(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        drawn = rng.standard_normal((len(x), 1, x.shape[2]), x.dtype)
        return x * np.exp(x.dtype.type(self.sigma) * drawn)
