"""Smooth random manifolds as spike times: a classification problem without any file."""

import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from snn.data.base import (
    BatchSize,
    Fraction,
    SampleCount,
    Seed,
    Source,
    SpikeDataModule,
    Split,
    Steps,
)
from snn.data.cache import cached_directory
from snn.data.samples import as_array
from snn.errors import DataError, InputError
from snn.events import EventStore

_PRECISION = 1e-3  # harmonics weaker than this are left out
_MAX_HARMONICS = 1000
_REFERENCE_POINTS = 256  # draws that set the range of each coordinate
_WORTH_KEEPING = 20_000_000  # sines, about half a second


class Randman(SpikeDataModule):
    """Spike times on smooth random manifolds, one manifold per class.

    Construction (F. Zenke and T. P. Vogels, Neural Computation 33:899, 2021): a sample is a point
    ``x``, uniform in the cube ``[0, 1)^dim``. Unit i of class c spikes exactly once, at the time
    given by a random smooth function of x,

        f_i(x) = prod_d sum_k  A / k^smoothness * sin(2 pi (k B x_d + C))

    with A, B, C drawn from U(0, 1) for each class, unit, dimension d and harmonic k = 1, 2, ...
    Each ``f_i`` is scaled to 0..1 (by its range over reference points apart from the samples;
    what exceeds it is clipped) and stretched over the ``nb_steps`` steps. Every unit spikes once
    in every sample, so the class shows in the times alone, never in the counts.

    Larger ``smoothness`` and smaller ``dim`` make the problem easier. Everything is generated
    from ``data_seed``; what takes a moment is kept in ``cache``, if that can be written to.
    ``root`` and ``download`` are not used.

    Args:
        nb_classes: classes, one manifold each.
        nb_units: input units, the dimensions that the manifolds are embedded in.
        dim: dimension of the manifolds.
        smoothness: decay of the harmonics (alpha of the paper).
        nb_train: samples per class for training and validation.
        nb_test: samples per class for the test.
        data_seed: of manifolds and samples.

    The other arguments are those of :class:`SpikeDataModule`.
    """

    name = "randman"

    def __init__(
        self,
        *,
        root: str = "data",
        cache: str = "data/cache",
        download: bool = True,
        nb_steps: Steps = 50,
        batch_size: BatchSize = 256,
        val_fraction: Fraction = 0.1,
        split_seed: Seed = 1234,
        seed: Seed = 0,
        train_eval_samples: SampleCount | None = 5000,
        nb_classes: Annotated[int, Field(gt=1)] = 10,
        nb_units: Annotated[int, Field(gt=0)] = 40,
        dim: Annotated[int, Field(gt=0)] = 2,
        smoothness: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0,
        nb_train: Annotated[int, Field(gt=0)] = 800,
        nb_test: Annotated[int, Field(gt=0)] = 200,
        data_seed: Seed = 0,
    ) -> None:
        super().__init__(
            root=root,
            cache=cache,
            download=download,
            nb_steps=nb_steps,
            batch_size=batch_size,
            val_fraction=val_fraction,
            split_seed=split_seed,
            seed=seed,
            train_eval_samples=train_eval_samples,
        )
        self.nb_classes, self.nb_units, self.dim = nb_classes, nb_units, dim
        self.smoothness, self.nb_train, self.nb_test = smoothness, nb_train, nb_test
        self.data_seed = data_seed

    def load(self) -> Source:
        steps = self._steps(self._times())
        return Source(
            train=self._split(steps[:, self.nb_test :]),
            test=self._split(steps[:, : self.nb_test]),
            class_names=[str(label) for label in range(self.nb_classes)],
        )

    def _times(self) -> np.ndarray:
        """Spike times ``[class, sample, unit]`` as shares of a sample's length, not yet clipped."""
        samples = self.nb_train + self.nb_test
        sines = self.nb_classes * samples * self.nb_units * self.dim * self._nb_harmonics
        if sines < _WORTH_KEEPING:
            return self._generated()
        names = ("nb_classes", "nb_units", "dim", "smoothness", "nb_train", "nb_test", "data_seed")
        key = {name: getattr(self, name) for name in names} | {"numpy": np.__version__}

        def build(directory: Path) -> dict[str, int]:
            np.save(directory / "times.npy", self._generated())
            return {}

        try:
            entry, _ = cached_directory(self.cache, self.name, key, build)
            return np.load(entry / "times.npy")
        except (DataError, OSError, ValueError):  # nobody needs the cache
            return self._generated()

    def _generated(self) -> np.ndarray:
        seeds = np.random.SeedSequence(self.data_seed).spawn(self.nb_classes)
        return np.stack([self._sample_manifold(np.random.default_rng(seed)) for seed in seeds])

    def _steps(self, times: np.ndarray) -> np.ndarray:
        return np.clip(times * self.nb_steps, 0, self.nb_steps - 1).astype(np.int64)

    @property
    def _nb_harmonics(self) -> int:
        return min(math.ceil(_PRECISION ** (-1 / self.smoothness)), _MAX_HARMONICS)

    def _sample_manifold(self, rng: np.random.Generator) -> np.ndarray:
        """Spike times ``[nb_test + nb_train, nb_units]`` of one class."""
        harmonic = np.arange(1.0, self._nb_harmonics + 1)
        shape = (self.dim, self.nb_units, len(harmonic))
        a, b, c = rng.random((3, *shape))
        points = rng.random((_REFERENCE_POINTS + self.nb_test + self.nb_train, self.dim))
        embedded = np.ones((len(points), self.nb_units))
        for d in range(self.dim):
            phase = harmonic * b[d] * points[:, d, None, None] + c[d]  # [point, unit, harmonic]
            amplitude = a[d] / harmonic**self.smoothness
            embedded *= np.einsum("puk,uk->pu", np.sin(2 * np.pi * phase), amplitude)
        low, high = embedded[:_REFERENCE_POINTS].min(0), embedded[:_REFERENCE_POINTS].max(0)
        return (embedded[_REFERENCE_POINTS:] - low) / (high - low)

    def _split(self, steps: np.ndarray) -> Split:
        nb_classes, nb_per_class, nb_units = steps.shape
        store = self.encode(steps.reshape(-1, nb_units))
        return Split.whole(store, torch.arange(nb_classes).repeat_interleave(nb_per_class))

    def encode(self, raw: Any) -> EventStore:
        """Events of the step at which each unit spikes, integers ``[sample, unit]``."""
        steps = as_array(raw, "spike times")
        if steps.ndim == 1:
            steps = steps[None]
        if steps.ndim != 2 or steps.shape[1] != self.nb_units:
            raise InputError(
                f"spike times of shape {steps.shape}: expected [sample, {self.nb_units}]"
            )
        if steps.dtype.kind not in "iu":
            raise InputError(f"spike times of type {steps.dtype}: expected whole steps")
        if steps.size and not (steps.min() >= 0 and steps.max() < self.nb_steps):
            raise InputError(
                f"spike times {steps.min()}..{steps.max()}: expected steps 0..{self.nb_steps - 1}"
            )
        nb_samples = len(steps)
        return EventStore.from_events(
            np.repeat(np.arange(nb_samples), self.nb_units),
            steps.reshape(-1),
            np.tile(np.arange(self.nb_units), nb_samples),
            nb_samples=nb_samples,
            nb_steps=self.nb_steps,
            nb_units=self.nb_units,
        )
