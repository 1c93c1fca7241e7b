"""What all data modules share: splits and loaders."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from snn.checks import checked
from snn.data.augmentation import Augmentation
from snn.data.augmented import Augmented
from snn.data.order import BatchOrder
from snn.data.resident import Residence, training_device
from snn.data.samples import Batch, Source, Split
from snn.data.splits import stratified_pick, stratified_split
from snn.errors import ConfigError, DataError, InputError, SnnError
from snn.events import EventStore

# Constraints of the constructor keys that all data modules take.
Steps = Annotated[int, Field(gt=0)]
BatchSize = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0)]
SampleCount = Annotated[int, Field(gt=0)]


class SpikeDataModule(LightningDataModule):
    """Base of all data modules. Sub-classes implement ``load`` and set the class attributes.

    The constructor touches no file. ``prepare_data()`` downloads and encodes into the cache;
    ``setup()`` opens the cache and splits.

    Args:
        root: folder of the data sets.
        cache: folder for encoded data; never inside of a read-only root.
        download: whether missing files may be fetched.
        nb_steps: time steps of a sample.
        batch_size: samples per batch; the last of an epoch may be smaller.
        val_fraction: share of the training part that validates; 0 = no validation.
        split_seed: of all splits. It is apart from ``seed``, so that runs of several seeds
            validate on the same samples.
        seed: of the order of training samples.
        train_eval_samples: size of the fixed, stratified part of the training samples on which
            accuracy is measured during fitting; None = all of them.

    Attributes:
        nb_units: input units (spikes) or channels (analog).
        nb_classes: number of classes; their names are ``class_names``.
        analog: whether inputs are float32 ``[sample, step, channel]`` instead of spikes.
        time_step: milliseconds that one step stands for in the neuron model.
        unit_grid: extents of the grid that units form, row by row, as of an image; None: a line.
        augmentations: changes to the training samples, drawn anew whenever they are shown.
        measures_test: whether the test part may be measured, which must never be used to choose
            anything.
        train, val, test: the splits after ``setup()``; ``val`` is None for ``val_fraction=0``.
        summary: plain facts for logs, after ``setup()``.
    """

    name: str
    analog: bool = False
    time_step: float = 1.0
    nb_units: int
    nb_classes: int
    class_names: list[str]
    train: Split
    val: Split | None
    test: Split
    unit_grid: tuple[int, ...] | None = None
    augmentations: tuple[Augmentation, ...] = ()
    measures_test: bool = True

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            checked(cls, prefix="data")

    def __init__(
        self,
        *,
        root: str,
        cache: str,
        download: bool,
        nb_steps: int,
        batch_size: int,
        val_fraction: float,
        split_seed: int,
        seed: int,
        train_eval_samples: int | None,
    ) -> None:
        super().__init__()
        for key, value in (("nb_steps", nb_steps), ("batch_size", batch_size)):
            if value < 1:
                raise ConfigError(f"data.{key}", value, "at least 1")
        if not 0 <= val_fraction < 1:
            raise ConfigError("data.val_fraction", val_fraction, "at least 0 and below 1")
        if train_eval_samples is not None and train_eval_samples < 1:
            raise ConfigError("data.train_eval_samples", train_eval_samples, "at least 1, or null")
        self.root, self.cache = Path(root).expanduser(), Path(cache).expanduser()
        self.download = download
        self.nb_steps, self.batch_size = nb_steps, batch_size
        self.val_fraction, self.split_seed, self.seed = val_fraction, split_seed, seed
        self.train_eval_samples = train_eval_samples
        self.summary: dict[str, object] = {}
        self._source: Source | None = None
        self._residence = Residence()

    @property
    def val_splits(self) -> tuple[str, ...]:
        """Names of the loaders of ``val_dataloader``, in its order."""
        return ("val", "train") if self.val_fraction else ("train",)

    @property
    def test_splits(self) -> tuple[str, ...]:
        """Names of the splits that a run is measured on at its end."""
        chosen_by = ("train", "val") if self.val_fraction else ("train",)
        return (*chosen_by, "test") if self.measures_test else chosen_by

    def load(self) -> Source:
        """Reads, or encodes and caches, the data set; sets ``nb_units``. Called once."""
        raise NotImplementedError

    def encode(self, raw: Any) -> EventStore | Tensor:
        """Samples as they were recorded, turned into what a network takes.

        Works without the data set: what it needs beside the constructor's arguments is in
        ``state_dict()``, which checkpoints keep.

        Args:
            raw: one or several samples, in the form that the class describes.

        Returns:
            Events, or an analog signal ``[sample, step, channel]``.

        Raises:
            InputError: a wrong shape, type or range of values.
        """
        raise InputError(
            f"{type(self).__name__} does not say how raw samples are encoded; give events "
            f"(snn.events.EventStore) or spike counts [sample, {self.nb_steps}, {self.nb_units}]"
        )

    def state_dict(self) -> dict[str, Any]:
        """What is known of the data only when they are loaded, and is needed without them."""
        if not self.summary:
            return {}
        return {
            "nb_units": self.nb_units,
            "class_names": [str(name) for name in self.class_names],
            "time_step": float(self.time_step),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take it over, instead of loading the data."""
        self.nb_units = state_dict["nb_units"]
        self.class_names = list(state_dict["class_names"])
        self.nb_classes = len(self.class_names)
        if not isinstance(getattr(type(self), "time_step", None), property):
            self.time_step = state_dict["time_step"]

    def split_validation(self, train: Split) -> tuple[Tensor, Tensor]:
        """(training, validation) indices into ``train``, the second empty for no validation."""
        return stratified_split(train.labels, self.val_fraction, self.split_seed)

    def after_split(self) -> None:
        """For what must be computed from the training samples alone."""

    def prepare_data(self) -> None:
        if self._source is None:
            self._source = self.load()

    def setup(self, stage: str | None = None) -> None:
        if self.summary:
            return
        self.prepare_data()
        self.check_augmentations()
        source = self._source
        if not isinstance(source, Source):
            kind = type(source).__name__
            raise DataError(f"{type(self).__name__}.load() returned a {kind}: expected a Source")
        if getattr(self, "nb_units", None) is None:
            raise DataError(f"{type(self).__name__}.load() did not set nb_units")
        self.class_names = source.class_names
        self.nb_classes = len(source.class_names)
        if self.nb_classes < 2:
            raise DataError(f"{type(self).__name__}: {self.nb_classes} class: expected 2 or more")
        for name, part in (("training", source.train), ("test", source.test)):
            part.check_labels(self.nb_classes, f"{type(self).__name__}, {name} part")
        train_index, val_index = self.split_validation(source.train)
        self.train = source.train.subset(train_index)
        self.val = source.train.subset(val_index) if len(val_index) else None
        self.test = source.test
        self.after_split()  # which may bring signals to their size
        for name, part in (("training", self.train), ("test", self.test)):
            size = self.nb_steps, self.nb_units
            part.check_size(*size, f"{type(self).__name__}, {name} part")
        self.summary = {**self._describe(), **source.facts}

    def check_augmentations(self) -> None:
        """Whether the augmentations fit ``nb_units``.

        Raises:
            ConfigError: one does not.
        """
        for augmentation in self.augmentations:
            augmentation.check_units(self.nb_units)

    def split(self, name: str) -> Split:
        """A split by the name it has in ``val_splits`` or ``test_splits``."""
        return getattr(self, name)

    def train_dataloader(self) -> DataLoader:
        order = BatchOrder(len(self.train), self.batch_size, self.seed)
        if not self.augmentations:
            return self._loader(self.train, order)
        return self._loader(Augmented(self.train, self.augmentations, order, self.seed), order)

    def eval_dataloaders(self, train_samples: int | None = None) -> dict[str, DataLoader]:
        """Loaders in fixed order, by split name; ``val`` is missing if there is none.

        Args:
            train_samples: evaluate on this many training samples, the same ones each time and
                stratified; None = all of them.
        """
        loaders = {}
        for name in dict.fromkeys((*self.val_splits, *self.test_splits)):
            split = self.split(name)
            if name == "train" and train_samples is not None and train_samples < len(split):
                split = split.subset(stratified_pick(split.labels, train_samples, self.split_seed))
            loaders[name] = self._loader(split, BatchOrder(len(split), self.batch_size))
        return loaders

    def val_dataloader(self) -> list[DataLoader]:
        """One loader per name of ``val_splits``."""
        loaders = self.eval_dataloaders(self.train_eval_samples)
        return [loaders[name] for name in self.val_splits]

    def test_dataloader(self) -> DataLoader:
        """The test part, and nothing else; see ``eval_dataloaders`` for the other parts.

        Raises:
            SnnError: the test part is to be left alone.
        """
        if not self.measures_test:
            raise SnnError("test=false: this run leaves the test part alone")
        return self.eval_dataloaders()["test"]

    def _loader(self, split: Split | Augmented, order: Sampler[Tensor]) -> DataLoader:
        device = training_device(self.trainer)
        if device.type == "cuda" and isinstance(split, Split):  # samples are changed on the host
            split, order = self._residence.move(split, order, device)
        # Workers would only copy batches between processes: gathering one takes a millisecond.
        return DataLoader(
            split,
            sampler=order,
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=0,
            # Else each pass would draw from torch's global generator, which dropout uses.
            generator=torch.Generator(),
        )

    def _describe(self) -> dict[str, object]:
        facts: dict[str, object] = {
            "data": self.name,
            "nb_steps": self.nb_steps,
            "nb_units": self.nb_units,
            "nb_classes": self.nb_classes,
        }
        for name in self.test_splits:
            split = self.split(name)
            facts[f"{name}_samples"] = len(split)
            if (counts := split.counts()) is not None:
                facts[f"{name}_events"] = int(counts.sum())
                facts[f"{name}_events_per_sample"] = round(float(counts.double().mean()), 2)
                facts[f"{name}_empty_samples"] = int((counts == 0).sum())
        return facts


def _as_it_is(batch: Batch) -> Batch:
    return batch
