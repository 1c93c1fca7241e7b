"""Spiking Heidelberg Digits, and other recordings in the same file format."""

import logging
from dataclasses import replace
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
from snn.data.cache import Encoded, cached_events, unpacked
from snn.data.classes import check_labels, class_names_of
from snn.data.download import RemoteFile, ensure
from snn.data.lookup import fingerprint, locate
from snn.data.samples import as_array
from snn.data.speakers import Speakers, numbered, read_speakers
from snn.data.spike_hdf5 import (
    Binning,
    bin_spikes,
    encode_file,
    reading_key,
)
from snn.data.splits import choose_speakers
from snn.errors import ConfigError, DataError, InputError
from snn.events import EventStore

log = logging.getLogger(__name__)

# Shares of spikes after max_time from which on it is said, and the file is refused.
SAID, REFUSED = 0.05, 0.9
IN_SECONDS = "are the times in seconds, as expected?"

_MIRRORS = ("https://zenkelab.org/datasets/", "https://compneuro.net/datasets/")
_TRAIN, _TEST = "SHD/shd_train.h5", "SHD/shd_test.h5"

# Checksums of the packed files: zenkelab.org/datasets/md5sums.txt.
FILES = tuple(
    RemoteFile(
        path=f"{path}.gz",
        urls=tuple(f"{mirror}{Path(path).name}.gz" for mirror in _MIRRORS),
        checksum=f"md5:{md5}",
        size="size not published",
        instead=(path,),
    )
    for path, md5 in (
        (_TRAIN, "d47c9825dee33347913e8ce0f2be08b0"),
        (_TEST, "3062a80ec0c5719404d5b02e166543b1"),
    )
)


class SHD(SpikeDataModule):
    """Spiking Heidelberg Digits (Cramer et al. 2022): spoken digits as spikes of 700 channels.

    Spikes are binned by ``floor(t / (max_time / nb_steps))``; two spikes of a unit in one step
    count twice, as in SpyTorch. A step stands for a nominal 1 ms in the neuron model whatever its
    true length, as in SpyTorch's tutorial 4. Classes are those of ``extra/keys``, or else the
    labels of the training file.

    Tried on files in this format of another corpus (float16 times, uint16 units); the original
    SHD files, of the same layout, have not been at hand.

    Args:
        train_file: HDF5 file relative to ``root`` or absolute; ``.gz`` is found as well.
        test_file: likewise.
        max_time: seconds that ``nb_steps`` steps last; later spikes are dropped and counted.
        nb_units: channels of the recordings; None = as many as occur in the two files, at most 700.
        channels_per_unit: neighbouring channels that become one input unit; None = 1. With 5, the
            700 channels of SHD become 140 inputs.
        split: validate on a ``stratified`` share of all recordings, or on ``speaker``s who are
            not trained on.
        val_speakers: those speakers, as the file names or numbers them; None = those who come
            closest to ``val_fraction``.

    The other arguments are those of :class:`SpikeDataModule`.

    If some but not all test recordings are of speakers unheard in the training file, they form
    one more split, ``test_unheard``. ``speakers`` holds an int64 ``[sample]`` tensor per split, as
    far as the files tell the speakers; ``speaker_names`` says what the files call them.

    Raises (``setup``):
        DataError: a file is missing or damaged.
    """

    name = "shd"

    def __init__(
        self,
        *,
        root: str = "data",
        cache: str = "data/cache",
        download: bool = True,
        nb_steps: Steps = 100,
        batch_size: BatchSize = 256,
        val_fraction: Fraction = 0.1,
        split_seed: Seed = 1234,
        seed: Seed = 0,
        train_eval_samples: SampleCount | None = 5000,
        train_file: str = _TRAIN,
        test_file: str = _TEST,
        max_time: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.4,
        nb_units: Annotated[int, Field(gt=0)] | None = None,
        channels_per_unit: Annotated[int, Field(gt=0)] | None = None,
        split: Literal["stratified", "speaker"] = "stratified",
        val_speakers: list[Annotated[int, Field(ge=0)] | str] | None = None,
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
        if split not in ("stratified", "speaker"):
            raise ConfigError("data.split", split, "stratified or speaker")
        if not max_time > 0:
            raise ConfigError("data.max_time", max_time, "a positive number of seconds")
        if val_speakers is not None and (split != "speaker" or not val_fraction):
            raise ConfigError(
                "data.val_speakers",
                list(val_speakers),
                "left out, unless data.split=speaker and data.val_fraction is above 0",
            )
        self.train_file, self.test_file = train_file, test_file
        self.binning = Binning(max_time, nb_steps, nb_units, channels_per_unit or 1)
        self.split_by = split
        self.val_speakers = None if val_speakers is None else list(val_speakers)
        self.speakers: dict[str, Tensor] = {}
        self.speaker_names: dict[int, int | str] = {}
        self._told: Speakers | None = None
        self.test_unheard: Split | None = None

    @property
    def test_splits(self) -> tuple[str, ...]:
        extra = self.measures_test and self.test_unheard is not None
        return (*super().test_splits, *(("test_unheard",) if extra else ()))

    @classmethod
    def fetch(cls, root: Path, *, download: bool = True) -> list[Path]:
        """Paths of the two original files, downloading what is missing."""
        return ensure(FILES, root, download=download)

    def load(self) -> Source:
        paths = self._paths()
        files = [unpacked(path, self.cache) for path in paths]
        train, test = (
            self._part(part, path, file)
            for part, path, file in zip(("train", "test"), paths, files, strict=True)
        )
        for path, part in zip(paths, (train, test), strict=True):
            self._check_late(path, part)
        class_names = class_names_of(paths, files, train.arrays["labels"])
        for path, part in zip(paths, (train, test), strict=True):
            check_labels(path, part.arrays["labels"], len(class_names))
        self.nb_units = max(train.events.nb_units, test.events.nb_units)
        self._read_speakers(files, (train, test))
        return Source(
            Split.whole(train.events.with_units(self.nb_units), train.arrays["labels"]),
            Split.whole(test.events.with_units(self.nb_units), test.arrays["labels"]),
            class_names,
            {
                "train_file_dropped_events": train.facts["dropped_events"],
                "test_file_dropped_events": test.facts["dropped_events"],
            },
        )

    def encode(self, raw: Any) -> EventStore:
        """Events of recordings: a pair of their spikes' times (seconds) and channels.

        Both are arrays ``[spike]`` for one recording, or lists of such arrays for several.
        """
        try:
            times, units = raw
            one = len(times) == 0 or not hasattr(times[0], "__len__") or np.ndim(times[0]) == 0
        except (TypeError, ValueError):
            raise InputError("expected a pair of times (seconds) and units") from None
        if one:
            times, units = [times], [units]
        times, units = [as_array(t, "times") for t in times], [as_array(u, "units") for u in units]
        shapes = [t.shape for t in times], [u.shape for u in units]
        if shapes[0] != shapes[1] or any(len(shape) != 1 for shape in shapes[0]):
            raise InputError("times and units: expected as many units as times in each recording")
        time, unit = np.concatenate(times), np.concatenate(units)
        if time.dtype.kind not in "fiu" or (unit.size and unit.dtype.kind not in "iu"):
            raise InputError(
                f"times of {time.dtype}, units of {unit.dtype}: expected integer units"
            )
        channels = self.binning.nb_channels or self.nb_units * self.binning.channels_per_unit
        store, late = bin_spikes(
            np.array([len(t) for t in times]),
            time.astype(np.float64),
            unit.astype(np.int64),
            replace(self.binning, nb_channels=channels),
        )
        if late and not store.nb_events:
            raise InputError(f"the recordings: {self.binning.lost(late, 0)}: {IN_SECONDS}")
        return store.with_units(self.nb_units)

    def _check_late(self, path: Path, part: Encoded) -> None:
        """Say that spikes are lost, and refuse a file of which nearly nothing is left."""
        late, inside = part.facts["dropped_events"], part.events.nb_events
        lost, share = self.binning.lost(late, inside), late / max(late + inside, 1)
        if share > REFUSED:
            raise DataError(f"{path}: {lost}: {IN_SECONDS}")
        if share > SAID:
            log.warning("%s: %s and are dropped", path, lost)

    def split_validation(self, train: Split) -> tuple[Tensor, Tensor]:
        if self.split_by == "stratified" or not self.val_fraction:
            return super().split_validation(train)
        if self._told is None:
            raise DataError(
                f"{self.root / self.train_file}: has no extra/speaker, needed for "
                "data.split=speaker; use data.split=stratified"
            )
        self._told.require()
        speakers = self.speakers["train"]
        known = [self.speaker_names[number] for number in speakers.unique().tolist()]
        if self.val_speakers is None:
            ids = choose_speakers(speakers, train.labels, self.val_fraction, self.split_seed)
        else:
            wanted = {str(speaker) for speaker in self.val_speakers}
            ids = [i for i, name in self.speaker_names.items() if str(name) in wanted]
            if not wanted or not wanted < {str(name) for name in known}:
                allowed = f"some, not all, of the speakers {known}"
                raise ConfigError("data.val_speakers", self.val_speakers, allowed)
        validates = torch.isin(speakers, torch.tensor(ids, dtype=torch.int64))
        return (~validates).nonzero()[:, 0], validates.nonzero()[:, 0]

    def after_split(self) -> None:
        heard, tested = self.speakers.get("train"), self.speakers.get("test")
        if heard is None:
            return
        self.speakers["train"] = heard[self.train.index]
        if self.val is not None:
            self.speakers["val"] = heard[self.val.index]
        if tested is None:
            return
        unheard = ~torch.isin(tested, heard)
        if unheard.any() and not unheard.all():
            index = unheard.nonzero()[:, 0]
            self.test_unheard = self.test.subset(index)
            self.speakers["test_unheard"] = tested[index]

    def _read_speakers(self, files: list[Path], parts: tuple[Encoded, Encoded]) -> None:
        """Those of both files; what cannot be told apart is left out until it is asked for."""
        found = [
            read_speakers(file, len(part.arrays["labels"]))
            for file, part in zip(files, parts, strict=True)
        ]
        self._told = found[0]
        usable = {
            name: told
            for name, told in zip(("train", "test"), found, strict=True)
            if told is not None and not told.problem
        }
        ids, self.speaker_names = numbered(list(usable.values()))
        self.speakers = dict(zip(usable, ids, strict=True))
        for told in found:
            if told is not None and told.problem:
                log.info("%s: extra/speaker is not used: %s", told.path, told.problem)

    def _paths(self) -> list[Path]:
        """Both files; those of the original data set are downloaded if they are missing."""
        names = (self.train_file, self.test_file)
        missing = [name for name in names if locate(self.root / name) is None]
        official = {name: file for file in FILES for name in file.instead}
        for name in missing:
            if name not in official:
                path = self.root / name  # an absolute name stands for itself
                raise DataError(
                    f"{path} is missing (nor is there {path.name}.gz); set data.root, "
                    "data.train_file and data.test_file"
                )
        # both at once, so that a message names both
        ensure([official[name] for name in missing], self.root, download=self.download)
        return [locate(self.root / name) for name in names]

    def _part(self, part: str, path: Path, file: Path) -> Encoded:
        binning = self.binning
        key = {
            "file": fingerprint(file),
            **reading_key(file),
            "max_time": float(binning.max_time),
            "nb_steps": binning.nb_steps,
            "nb_units": binning.nb_channels,
            "unit_limit": binning.channel_limit,
            "channels_per_unit": binning.channels_per_unit,
        }
        return cached_events(
            self.cache, f"{self.name}-{part}", key, lambda: encode_file(file, binning)
        )
