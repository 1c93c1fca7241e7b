"""Tactile Braille Letters: analog signals of a robot's fingertip that slides over letters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

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
from snn.data.samples import as_array
from snn.data.splits import stratified_split
from snn.data.tactile import (
    NB_TAXELS,
    checked_signal,
    fetch_pack,
    pressure,
    read_pack,
    read_zenodo,
)
from snn.errors import ConfigError, DataError, InputError

_PACK_SAMPLES = 76  # of the shortest recording in SpyTorch's pack
_SAMPLE_TIME = 2.0  # nominal ms per sample, as in SpyTorch's tutorial 5


class TBL(SpikeDataModule):
    """Tactile Braille Letters (Mueller-Cleve et al. 2022), analog, one unit per taxel.

    As in SpyTorch's tutorial 5: pressure is ``1 - raw / 255``, recordings are cut to the shortest
    (76 samples), some taxels are kept, each is standardised and every sample is repeated
    ``nb_steps / 76`` times. Unlike there, mean and standard deviation come from the training
    samples alone. Inputs are float32 ``[sample, step, taxel]``; a step is ``2 ms * 76 / nb_steps``.

    The recordings have no official test part: ``test_fraction`` of each letter is split off by
    ``split_seed``, then ``val_fraction`` of the rest.

    Args:
        source: ``spytorch``, 27 letters x 50 recordings, or ``zenodo``, the raw recordings of the
            data set's own archive (UNTRIED on the real files, see :mod:`snn.data.tactile`).
        taxels: which of the 12 taxels to keep, in this order; the other eight are constant in
            SpyTorch's pack.
        test_fraction: share of the recordings that tests.

    The other arguments are those of :class:`SpikeDataModule`.

    Raises (``setup``):
        DataError: the file is missing or damaged.
        ConfigError: ``nb_steps`` is no multiple of the recordings' length.
    """

    name = "tbl"
    analog = True

    def __init__(
        self,
        *,
        root: str = "data",
        cache: str = "data/cache",
        download: bool = True,
        nb_steps: Steps = 76,
        batch_size: BatchSize = 100,
        val_fraction: Fraction = 0.1,
        split_seed: Seed = 1234,
        seed: Seed = 0,
        train_eval_samples: SampleCount | None = 5000,
        source: Literal["spytorch", "zenodo"] = "spytorch",
        taxels: Annotated[list[Annotated[int, Field(ge=0, lt=NB_TAXELS)]], Field(min_length=1)] = (
            1,
            2,
            6,
            10,
        ),
        test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2,
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
        self.taxels = list(taxels)
        if (
            not self.taxels
            or len(set(self.taxels)) < len(self.taxels)
            or not all(0 <= taxel < NB_TAXELS for taxel in self.taxels)
        ):
            raise ConfigError(
                "data.taxels", self.taxels, f"different numbers from 0 to {NB_TAXELS - 1}"
            )
        if source not in ("spytorch", "zenodo"):
            raise ConfigError("data.source", source, "spytorch or zenodo")
        if not 0 < test_fraction < 1:
            raise ConfigError("data.test_fraction", test_fraction, "above 0 and below 1")
        self.source, self.test_fraction = source, test_fraction
        self.nb_units = len(self.taxels)
        self.mean: Tensor | None = None  # of each taxel, over the training samples; float64
        self.std: Tensor | None = None
        if source == "spytorch":
            self._check_steps(_PACK_SAMPLES)

    @property
    def time_step(self) -> float:
        return _SAMPLE_TIME * self._nb_samples / self.nb_steps

    @classmethod
    def fetch(cls, root: Path, *, download: bool = True) -> list[Path]:
        """Path of SpyTorch's pack, downloading it if it is missing."""
        return [fetch_pack(root, download=download)]

    def load(self) -> Source:
        if self.source == "spytorch":
            path = fetch_pack(self.root, download=self.download)
            recordings = read_pack(path)
        else:
            recordings = read_zenodo(self.root)
        self._check_steps(recordings.signals.shape[1])
        everything = Split.whole(
            torch.from_numpy(np.ascontiguousarray(recordings.signals[:, :, self.taxels])),
            torch.from_numpy(recordings.labels),
        )
        rest, test = stratified_split(
            everything.labels, self.test_fraction, self.split_seed, "data.test_fraction"
        )
        return Source(
            train=everything.subset(rest),
            test=everything.subset(test),
            class_names=recordings.class_names,
            facts={
                "recording_samples": recordings.signals.shape[1],
                "longest_recording_samples": recordings.longest,
            },
        )

    def after_split(self) -> None:
        signals = self.train.inputs  # float64 of all recordings, shared by the splits
        seen = signals[self.train.index]
        std = seen.std((0, 1), correction=0)
        self.mean = seen.mean((0, 1))
        self.std = torch.where(std > 1e-12, std, 1.0)  # a constant taxel becomes zero, not NaN
        inputs = self._standardised(signals)
        for name in ("train", "val", "test"):
            if (split := getattr(self, name)) is not None:
                setattr(self, name, Split(inputs, split.labels, split.index))

    def encode(self, raw: Any) -> Tensor:
        """The network's input from recordings of all 12 taxels, raw values 0..255.

        Recordings are ``[time, 12]`` for one, ``[sample, time, 12]`` or a list for several, at
        least as long as the shortest of the training data, to which they are cut.
        """
        if self.mean is None:
            raise InputError(
                "mean and standard deviation of the training data are not known (the run is older "
                "than their record); call data.setup() where the data set is at hand"
            )
        if not isinstance(raw, list | tuple):
            raw = as_array(raw, "recordings")
            raw = raw[None] if raw.ndim == 2 else raw
        try:
            recordings = [checked_signal(x, f"recording {i}") for i, x in enumerate(raw)]
        except DataError as error:
            raise InputError(str(error)) from None
        for i, recording in enumerate(recordings):
            if len(recording) < self._nb_samples:
                raise InputError(
                    f"recording {i}: {len(recording)} samples, expected {self._nb_samples} or more"
                )
        raw = np.array([recording[: self._nb_samples] for recording in recordings])
        raw = raw.reshape(len(recordings), self._nb_samples, NB_TAXELS)
        return self._standardised(torch.from_numpy(pressure(raw)[:, :, self.taxels]))

    def _standardised(self, signals: Tensor) -> Tensor:
        """float32 ``[recording, step, taxel]`` of pressures ``[recording, sample, taxel]``."""
        inputs = ((signals - self.mean) / self.std).float()
        return inputs.repeat_interleave(self.nb_steps // inputs.shape[1], dim=1)

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        if state:
            state |= {
                "recording_samples": self._nb_samples,
                "mean": self.mean.tolist(),
                "std": self.std.tolist(),
            }
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._check_steps(state_dict["recording_samples"])
        self.mean = torch.tensor(state_dict["mean"], dtype=torch.float64)
        self.std = torch.tensor(state_dict["std"], dtype=torch.float64)

    def _check_steps(self, nb_samples: int) -> None:
        if self.nb_steps % nb_samples:
            raise ConfigError(
                "data.nb_steps",
                self.nb_steps,
                f"a multiple of {nb_samples}, the samples of the shortest recording",
            )
        self._nb_samples = nb_samples
