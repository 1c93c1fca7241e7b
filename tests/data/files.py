"""Tiny data sets in the real file formats, easy enough to be learnt in a few epochs."""

import gzip
import pickle
import struct
from pathlib import Path

import h5py
import numpy as np

LETTERS = ["Space", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]


def idx_bytes(array: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_fashion_mnist(
    root: Path, nb_train: int = 200, nb_test: int = 50, *, packed: bool = True, seed: int = 0
) -> Path:
    """Images whose class is the place of a bright bar, all ten classes in turn."""
    folder = Path(root) / "FashionMNIST" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for part, nb_samples in (("train", nb_train), ("t10k", nb_test)):
        labels = np.arange(nb_samples) % 10
        images = rng.integers(0, 60, (nb_samples, 28, 28))
        for offset in range(2):
            images[np.arange(nb_samples), 2 * labels + 4 + offset] = rng.integers(
                180, 256, (nb_samples, 28)
            )
        for name, array in ((f"{part}-images-idx3", images), (f"{part}-labels-idx1", labels)):
            content = idx_bytes(array)
            if packed:
                (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(content))
            else:
                (folder / f"{name}-ubyte").write_bytes(content)
    return folder


def write_spike_file(
    path: Path,
    times: list[np.ndarray],
    units: list[np.ndarray],
    labels: np.ndarray,
    *,
    speakers: np.ndarray | None = None,
    keys: list[str] | None = None,
    time_dtype: type = np.float16,
    unit_dtype: type = np.uint16,
) -> Path:
    """One HDF5 file in SHD's layout."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, rows, dtype in (("times", times, time_dtype), ("units", units, unit_dtype)):
            dataset = file.create_dataset(
                f"spikes/{name}", (len(rows),), dtype=h5py.vlen_dtype(np.dtype(dtype))
            )
            for i, row in enumerate(rows):
                dataset[i] = np.asarray(row, dtype)
        file["labels"] = np.asarray(labels, np.uint16)
        if speakers is not None:
            file["extra/speaker"] = np.asarray(speakers, np.uint16)
        if keys is not None:
            file["extra/keys"] = np.array(keys, "S")
    return path


def write_shd(
    root: Path,
    nb_train: int = 80,
    nb_test: int = 40,
    *,
    nb_classes: int = 4,
    nb_units: int = 70,
    nb_speakers: int = 4,
    keys: bool = True,
    time_dtype: type = np.float16,
    unit_dtype: type = np.uint16,
    seed: int = 0,
) -> Path:
    """Recordings whose class is the band of units that is busy; up to 1.2 s.

    Speakers take turns; the test file's last speaker does not occur in the training file.
    """
    folder = Path(root) / "SHD"
    rng = np.random.default_rng(seed)
    band = nb_units // nb_classes
    for part, nb_samples, nb_voices in (
        ("train", nb_train, nb_speakers),
        ("test", nb_test, nb_speakers + 1),
    ):
        labels = np.arange(nb_samples) % nb_classes
        speakers = np.arange(nb_samples) // nb_classes % nb_voices
        times, units = [], []
        for label in labels:
            nb_spikes = int(rng.integers(40, 80))
            times.append(np.sort(rng.uniform(0, 1.2, nb_spikes)))
            units.append(label * band + rng.integers(0, band, nb_spikes))
        units[-1][-1] = nb_units - 1 if labels[-1] == nb_classes - 1 else units[-1][-1]
        write_spike_file(
            folder / f"shd_{part}.h5",
            times,
            units,
            labels,
            speakers=speakers,
            keys=[f"digit {label}" for label in range(nb_classes)] if keys else None,
            time_dtype=time_dtype,
            unit_dtype=unit_dtype,
        )
    return folder


def braille_records(
    nb_letters: int = 5, nb_repetitions: int = 20, *, seed: int = 0
) -> list[dict[str, object]]:
    """Recordings of 76 or 77 samples of 12 taxels; letters press the four lively taxels apart."""
    rng = np.random.default_rng(seed)
    pressure = rng.uniform(60, 200, (nb_letters, 4))
    records = []
    for label in range(nb_letters):
        for repetition in range(nb_repetitions):
            data = np.full((76 + (repetition + label) % 2, 12), 255.0)
            noise = rng.normal(0, 4, (len(data), 4))
            data[:, [1, 2, 6, 10]] = np.clip(pressure[label] + noise, 0, 255).round()
            records.append(
                {
                    "experiment_name": "braille_letters",
                    "letter": LETTERS[label],
                    "repetition": repetition,
                    "taxel_data": data,
                }
            )
    return records


def write_tbl(
    root: Path, nb_letters: int = 5, nb_repetitions: int = 20, *, packed: bool = True, seed: int = 0
) -> Path:
    """The layout of SpyTorch's pack: a pickled list of dicts."""
    folder = Path(root) / "TBL"
    folder.mkdir(parents=True, exist_ok=True)
    content = pickle.dumps(braille_records(nb_letters, nb_repetitions, seed=seed), protocol=4)
    name = "tutorial5_braille_spiking_data.pkl"
    path = folder / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(content) if packed else content)
    return path
