"""Fashion-MNIST images, 28 x 28 pixels of clothes, as spikes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
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
from snn.data.cache import Encoded, cached_events, encoder_key
from snn.data.download import RemoteFile, ensure
from snn.data.idx import read_idx
from snn.data.lookup import fingerprint
from snn.data.samples import as_array
from snn.errors import DataError, InputError
from snn.events import EventStore
from snn.events.encoding import TTFS, Encoder, Rate

_FOLDER = "FashionMNIST/raw"  # torchvision's layout
_SIDE = 28
_CHUNK_BYTES = 1 << 22  # of dense float64 at a time while encoding
_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
CLASS_NAMES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


def _remote(name: str, md5: str, size: str) -> RemoteFile:
    return RemoteFile(
        path=f"{_FOLDER}/{name}.gz",
        urls=tuple(f"{mirror}{name}.gz" for mirror in _MIRRORS),
        checksum=f"md5:{md5}",
        size=size,
        instead=(f"{_FOLDER}/{name}",),
    )


# Checksums: README of zalandoresearch/fashion-mnist. Images, then labels; training, then test.
FILES = (
    _remote("train-images-idx3-ubyte", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "26 MB"),
    _remote("train-labels-idx1-ubyte", "25c81989df183df01b3e8a0aad5dffbe", "29 kB"),
    _remote("t10k-images-idx3-ubyte", "bef4ecab320f06d8554ea6380940ec79", "4.3 MB"),
    _remote("t10k-labels-idx1-ubyte", "bb300cfdad3c16e7a12a480ee83cd310", "5.1 kB"),
)


class FashionMNIST(SpikeDataModule):
    """Fashion-MNIST (Xiao, Rasul and Vollgraf 2017), 784 units, 10 classes, one unit per pixel.

    Pixels are scaled to 0..1 (divided by 255) and encoded; a step stands for a nominal 1 ms, as in
    SpyTorch's tutorial 2. Files: ``<root>/FashionMNIST/raw/``, packed or not.

    Args:
        encoder: pixels to spikes.

    The other arguments are those of :class:`SpikeDataModule`.

    Raises (``setup``):
        DataError: a file is missing or damaged.
    """

    name = "fashion_mnist"
    nb_units = _SIDE * _SIDE
    unit_grid = (_SIDE, _SIDE)

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
        encoder: Encoder = TTFS(),  # noqa: B008  (frozen)
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
        self.encoder = encoder

    @classmethod
    def fetch(cls, root: Path, *, download: bool = True) -> list[Path]:
        """Paths of the four files, downloading what is missing."""
        return ensure(FILES, root, download=download)

    def load(self) -> Source:
        files = self.fetch(self.root, download=self.download)
        train, test = self._part("train", *files[:2]), self._part("test", *files[2:])
        return Source(
            Split.whole(train.events, train.arrays["labels"]),
            Split.whole(test.events, test.arrays["labels"]),
            CLASS_NAMES,
        )

    def _part(self, part: str, images: Path, labels: Path) -> Encoded:
        key = {
            "files": [fingerprint(images), fingerprint(labels)],
            "encoder": encoder_key(self.encoder),
            "nb_steps": self.nb_steps,
        }
        return cached_events(
            self.cache, f"{self.name}-{part}", key, lambda: self._encode(images, labels)
        )

    def encode(self, raw: Any) -> EventStore:
        """Events of images: whole numbers 0..255, ``[28, 28]`` or ``[sample, 28, 28]``."""
        images = as_array(raw, "images")
        if images.ndim == 2:
            images = images[None]
        if images.shape[1:] != (_SIDE, _SIDE):
            raise InputError(
                f"images of shape {images.shape}: expected [sample, {_SIDE}, {_SIDE}] or "
                f"[{_SIDE}, {_SIDE}]"
            )
        if images.dtype.kind not in "iu":
            raise InputError(f"images of type {images.dtype}: expected whole numbers 0..255")
        if images.size and not (images.min() >= 0 and images.max() <= 255):
            raise InputError(f"pixels {images.min()}..{images.max()}: expected 0..255")
        pixels = images.reshape(len(images), self.nb_units)
        if not len(pixels):
            return EventStore.from_events(
                [], [], [], nb_samples=0, nb_steps=self.nb_steps, nb_units=self.nb_units
            )
        return EventStore.concatenate(self._stores(pixels))

    def _encode(self, image_file: Path, label_file: Path) -> Encoded:
        images, labels = _read_images(image_file), _read_labels(label_file)
        if len(images) != len(labels):
            raise DataError(
                f"{label_file}: {len(labels)} labels, but {image_file} has {len(images)} images"
            )
        stores = self._stores(images)
        del images  # given back when the last store is made, before they are copied together
        return Encoded(EventStore.concatenate(stores), {"labels": labels})

    def _stores(self, images: np.ndarray) -> Iterator[EventStore]:
        """The events of a chunk of images after the other."""
        dense_steps = self.nb_steps if isinstance(self.encoder, Rate) else 1
        chunk = max(1, _CHUNK_BYTES // (8 * self.nb_units * dense_steps))
        for first in range(0, len(images), chunk):
            pixels = images[first : first + chunk]
            yield EventStore.from_events(
                *self.encoder(pixels / 255.0, self.nb_steps, first),
                nb_samples=len(pixels),
                nb_steps=self.nb_steps,
                nb_units=self.nb_units,
            )


def _read_images(path: Path) -> np.ndarray:
    images = read_idx(path, 3)
    if images.shape[1:] != (_SIDE, _SIDE) or not len(images):
        raise DataError(f"{path}: dimensions {images.shape}, expected (n, {_SIDE}, {_SIDE})")
    return images.reshape(len(images), -1)


def _read_labels(path: Path) -> Tensor:
    labels = read_idx(path, 1)
    if (wrong := np.flatnonzero(labels >= len(CLASS_NAMES))).size:
        raise DataError(
            f"{path}: sample {wrong[0]} has label {labels[wrong[0]]}, "
            f"outside 0..{len(CLASS_NAMES) - 1} ({wrong.size} such labels)"
        )
    return torch.from_numpy(labels.astype(np.int64))
