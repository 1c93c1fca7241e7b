import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from snn.data import FashionMNIST
from snn.errors import ConfigError, DataError
from snn.events.encoding import TTFS, LinearLatency, Rate
from tests.data.files import idx_bytes, write_fashion_mnist


def names(part):
    return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"


@pytest.mark.parametrize("packed", [True, False])
def test_tiny_files(places, root, packed):
    write_fashion_mnist(root, 200, 50, packed=packed)
    data = FashionMNIST(**places)
    data.prepare_data()
    data.setup("fit")
    assert (data.nb_units, data.nb_classes, data.nb_steps) == (784, 10, 100)
    assert (len(data.train), len(data.val), len(data.test)) == (180, 20, 50)
    assert data.summary["train_empty_samples"] == 0
    assert data.class_names[9] == "Ankle boot"
    assert (data.analog, data.time_step) == (False, 1.0)


def test_the_spikes_are_those_of_the_formula(places, root):
    folder = write_fashion_mnist(root, 30, 20, packed=False)
    raw = (folder / "t10k-images-idx3-ubyte").read_bytes()
    x = np.frombuffer(raw, np.uint8, offset=16).reshape(20, 784).astype(np.float64) / 255
    expected = np.zeros((20, 100, 784), np.float32)
    for sample, pixel in np.argwhere(x > 0.2):
        step = int(20 * np.log(x[sample, pixel] / (x[sample, pixel] - 0.2)))
        if step < 100:
            expected[sample, step, pixel] = 1
    assert expected.sum() > 1000
    data = FashionMNIST(**places)
    data.setup()
    batch, labels = data.test[torch.arange(20)]
    assert torch.equal(batch.to_dense(), torch.from_numpy(expected))
    assert labels.tolist() == [i % 10 for i in range(20)]


def test_chunks_do_not_show(places, root, monkeypatch, tmp_path):
    write_fashion_mnist(root, 40, 20)
    stores = []
    for encoder in (TTFS(), Rate(0.02)):
        for i, chunk_bytes in enumerate((1 << 27, 1)):
            monkeypatch.setattr("snn.data.fashion_mnist._CHUNK_BYTES", chunk_bytes)
            here = {**places, "cache": str(tmp_path / f"cache{i}")}
            data = FashionMNIST(**here, encoder=encoder, nb_steps=20)
            data.setup()
            stores.append(data.test.inputs)
    for whole, pieces in (stores[:2], stores[2:]):
        assert whole.nb_events > 0
        assert torch.equal(whole.indptr, pieces.indptr)
        assert torch.equal(whole.units, pieces.units)


def test_an_image_without_a_spike_is_allowed_and_counted(places, root):
    folder = write_fashion_mnist(root, 30, 10)
    images = np.full((10, 28, 28), 255, np.uint8)
    images[3] = 0
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
    data = FashionMNIST(**places)
    data.setup()
    assert data.summary["test_empty_samples"] == 1
    assert data.test.counts()[3] == 0


def pack(content):
    return gzip.compress(content)


IMAGES, LABELS = np.zeros((10, 28, 28), np.uint8), np.zeros(10, np.uint8)
DAMAGES = {
    "magic": (0, pack(b"\0\0\x09" + idx_bytes(IMAGES)[3:]), "magic number 00000903 at byte 0"),
    "empty": (0, pack(b""), "empty file"),
    "header": (0, pack(idx_bytes(IMAGES)[:9]), "inside its header"),
    "short": (0, pack(idx_bytes(IMAGES)[:-5]), "truncated or damaged"),
    "long": (0, pack(idx_bytes(IMAGES) + b"x"), "promises 7856"),
    "gz cut": (0, pack(idx_bytes(np.random.default_rng(0).integers(0, 256, (10, 28, 28))))[:4000],
               "truncated or damaged gzip"),
    "no gz": (0, idx_bytes(IMAGES), "truncated or damaged gzip"),
    "shape": (0, pack(idx_bytes(np.zeros((10, 27, 28), np.uint8))), "dimensions"),
    "no image": (0, pack(idx_bytes(np.zeros((0, 28, 28), np.uint8))), "dimensions"),
    "count": (0, pack(idx_bytes(IMAGES[:9])), "10 labels, but"),
    "label": (1, pack(idx_bytes(np.array([*range(8), 10, 11]))), "sample 8 has label 10"),
    "label magic": (1, pack(idx_bytes(IMAGES)), "wrong magic number 00000803"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("part", ["train", "t10k"])
def test_damage_ends_with_file_and_place(places, root, damage, part):
    which, content, message = DAMAGES[damage]
    folder = write_fashion_mnist(root, 10, 10)
    FashionMNIST(**{**places, "cache": str(root / "sound")}).setup()
    damaged = folder / f"{names(part)[which]}.gz"
    damaged.write_bytes(content)
    with pytest.raises(DataError) as error:
        FashionMNIST(**places).setup()
    assert message in str(error.value)
    assert str(damaged) in str(error.value)


def test_the_encoder_is_checked():
    with pytest.raises(ConfigError, match="an instance of TTFS or an instance of LinearLatency"):
        FashionMNIST(encoder={"tau": 20.0})


@pytest.mark.real_data
def test_real_images(real_places):
    data = FashionMNIST(**real_places, encoder=LinearLatency(), nb_steps=50)
    data.setup()
    assert (len(data.train), len(data.val), len(data.test)) == (54_000, 6_000, 10_000)
    assert torch.bincount(data.val.labels).tolist() == [600] * 10
    assert torch.bincount(data.test.labels).tolist() == [1000] * 10
    images = Path(real_places["root"]) / "FashionMNIST/raw/train-images-idx3-ubyte.gz"
    if images.is_file():
        pixels = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=16)
        assert data.train.inputs.nb_events == (pixels > 5).sum()  # 5 / 255 < 0.02 < 6 / 255
    batch, labels = next(iter(data.train_dataloader()))
    dense = batch.to_dense()
    assert dense.shape == (256, 50, 784)
    assert dense.max() == 1
    assert labels.shape == (256,)
