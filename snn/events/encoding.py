"""Analog values and real times to spikes in steps: pure, vectorised functions.

Encoders are small frozen dataclasses. Their parameters are all they hold, so that a cache can be
keyed by them, and each is called as ``encoder(x, nb_steps, first_sample)``.

A real time becomes a step by ``floor`` of its float64 value; what reaches ``nb_steps`` or more is
no spike.
"""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from snn.checks import checked


class Events(NamedTuple):
    """Coordinates of spikes, three arrays of integers ``[nb_events]``; encoders give int64."""

    sample: np.ndarray
    step: np.ndarray
    unit: np.ndarray


class _FirstSpike:
    """What encoders share that give each value at most one spike, at ``self.times(x)``."""

    def times(self, x: ArrayLike) -> np.ndarray:
        raise NotImplementedError

    def __call__(self, x: ArrayLike, nb_steps: int, first_sample: int = 0) -> Events:
        """Encodes ``x`` ``[sample, channel]``, 0..1; unit = channel.

        ``first_sample`` is unused here: these codes know no chance.
        """
        steps = self.times(x)
        sample, unit = np.nonzero(steps < nb_steps)
        return Events(sample, steps[sample, unit].astype(np.int64), unit)


@checked(prefix="data.encoder")
@dataclass(frozen=True)
class TTFS(_FirstSpike):
    """Time to first spike of a leaky neuron under constant current.

    ``T = tau * ln(x / (x - threshold))`` for ``x > threshold``, else no spike: the larger the
    input, the earlier the spike. ``T`` is computed in float64 and cut to its integer part, as
    SpyTorch does (Zenke & Halvagal, tutorial 2).

    Args:
        tau: time constant in steps.
        threshold: values up to this one never spike.
    """

    tau: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 20.0
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.2

    def times(self, x: ArrayLike) -> np.ndarray:
        """Real spike times in steps, float64 of x's shape; infinite where there is no spike."""
        x = np.asarray(x, np.float64)
        times = np.full(x.shape, np.inf)
        fires = x > self.threshold
        above = x[fires]
        times[fires] = self.tau * np.log(above / (above - self.threshold))
        return times


@checked(prefix="data.encoder")
@dataclass(frozen=True)
class LinearLatency(_FirstSpike):
    """Latency that falls linearly with the value.

    ``T = (1 - x) / (1 - threshold) * latency_steps`` for ``x > threshold``, cut to its integer
    part and at most ``latency_steps - 1``; else no spike.

    Args:
        threshold: values up to this one never spike.
        latency_steps: the spikes lie in steps ``0 .. latency_steps - 1``.
    """

    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.02
    latency_steps: Annotated[int, Field(gt=0)] = 40

    def times(self, x: ArrayLike) -> np.ndarray:
        """Spike times in whole steps, float64 of x's shape; infinite where there is no spike."""
        x = np.asarray(x, np.float64)
        latency = np.floor((1 - x) / (1 - self.threshold) * self.latency_steps)
        latency = np.clip(latency, 0, self.latency_steps - 1)
        return np.where(x > self.threshold, latency, np.inf)


@checked(prefix="data.encoder")
@dataclass(frozen=True)
class Rate:
    """Bernoulli rate code: in each step a unit spikes with probability ``max_rate * x``.

    Args:
        max_rate: probability of a spike per step at ``x = 1``.
        seed: of the noise. A sample's spikes depend on its number alone, not on how the samples
            are cut into chunks.
    """

    max_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    seed: Annotated[int, Field(ge=0)] = 0

    def __call__(self, x: ArrayLike, nb_steps: int, first_sample: int = 0) -> Events:
        """Encodes ``x`` ``[sample, channel]``, 0..1; ``first_sample`` is the number of x[0]."""
        x = np.asarray(x, np.float64)
        nb_samples, nb_channels = x.shape
        # A draw of a double advances the generator by exactly one, which makes it seekable.
        noise = np.random.PCG64(self.seed).advance(first_sample * nb_steps * nb_channels)
        draws = np.random.Generator(noise).random((nb_samples, nb_steps, nb_channels))
        return Events(*np.nonzero(draws < self.max_rate * x[:, None, :]))


Encoder = TTFS | LinearLatency | Rate


def encode_delta(x: ArrayLike, threshold: float) -> Events:
    """Level-crossing code of signals ``x`` ``[sample, step, channel]``.

    A signal spikes once for each multiple of ``threshold`` by which it has moved away from its
    first value since the step before: as unit ``channel`` when it rises, as unit
    ``nb_channels + channel`` when it falls. Ups minus downs times ``threshold`` follow the signal
    to within one ``threshold``.

    Raises:
        ValueError: ``threshold`` is not positive, or x is not finite or not three-dimensional.
    """
    x = np.asarray(x, np.float64)
    if not threshold > 0:
        raise ValueError(f"threshold={threshold}: must be positive")
    if x.ndim != 3 or not np.isfinite(x).all():
        raise ValueError(f"expected finite signals [sample, step, channel], got shape {x.shape}")
    level = np.floor((x - x[:, :1]) / threshold).astype(np.int64)
    change = np.diff(level, axis=1, prepend=0)
    count = np.concatenate([change.clip(min=0), (-change).clip(min=0)], axis=2)
    where = np.nonzero(count)
    return Events(*(np.repeat(ids, count[where]) for ids in where))


def times_to_steps(times: ArrayLike, max_time: float, nb_steps: int) -> np.ndarray:
    """Bins real times: ``floor(t / (max_time / nb_steps))`` in float64.

    Args:
        times: any shape, in the unit of ``max_time``; half precision is widened first.
        max_time: the time that ``nb_steps`` steps last.
        nb_steps: number of bins.

    Returns:
        int64 of the same shape; ``nb_steps`` for everything at or past the end.

    Raises:
        ValueError: a time is negative or not finite.
    """
    times = np.asarray(times, np.float64)
    if not (np.isfinite(times).all() and (times >= 0).all()):
        raise ValueError("times must be finite and not negative")
    steps = np.floor(times / (max_time / nb_steps))
    return np.minimum(steps, nb_steps).astype(np.int64)
