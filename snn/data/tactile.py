"""Tactile Braille recordings from pickles: the SpyTorch pack and Zenodo's raw recordings."""

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snn.data.download import RemoteFile, ensure
from snn.data.lookup import read_bytes
from snn.data.pickles import load_pickle
from snn.errors import DataError

NB_TAXELS = 12
LETTERS = ["Space", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
_FULL_SCALE = 255.0
_FOLDER = "TBL"
_NAME = "tutorial5_braille_spiking_data.pkl.gz"

PACK = RemoteFile(
    path=f"{_FOLDER}/{_NAME}",
    urls=tuple(
        f"https://raw.githubusercontent.com/fzenke/spytorch/{branch}/notebooks/data/{_NAME}"
        for branch in ("main", "master")
    ),
    checksum="sha256:f48a449264a00ee665df62329f2364059e49d0d0faeee4993e595d08616e5a1c",
    size="302 kB",
    instead=(f"{_FOLDER}/{_NAME.removesuffix('.gz')}",),
)

# Raw recordings in Zenodo's archives, version 1 and 1.1; published without a checksum.
_RAW_NAMES = ("data_braille_letters_raw", "data_braille_letters_digits.pkl")
_ARCHIVE = "reading_braille_data.zip"
_ZENODO = (
    "https://zenodo.org/records/7050094 (version 1.1) or "
    "https://zenodo.org/records/6556273 (version 1)"
)


@dataclass(frozen=True, eq=False)
class Recordings:
    """Braille recordings, cut to the shortest.

    Attributes:
        signals: float64 ``[recording, sample, taxel]``, pressure ``1 - raw / 255``.
        labels: int64 ``[recording]``, index into ``class_names``.
        class_names: the letters that occur, Space first, then the alphabet.
        longest: samples of the longest recording before the cut.
    """

    signals: np.ndarray
    labels: np.ndarray
    class_names: list[str]
    longest: int


def fetch_pack(root: Path, *, download: bool) -> Path:
    """Path of the SpyTorch pack, downloading it if it is missing."""
    return ensure([PACK], root, download=download)[0]


def read_pack(path: Path) -> Recordings:
    """Reads SpyTorch's pack, ``.pkl`` or ``.pkl.gz``: a list of dicts, one per recording."""
    return _recordings(load_pickle(read_bytes(path), path), path)


def read_zenodo(root: Path) -> Recordings:
    """Reads Zenodo's raw recordings. UNTRIED: written from descriptions, never run on the files.

    Takes ``data_braille_letters_raw`` (version 1, a list of dicts) or
    ``data_braille_letters_digits.pkl`` (version 1.1, columns), in ``<root>/TBL``, in
    ``<root>/TBL/data``, or inside of ``<root>/TBL/reading_braille_data.zip``. A pandas DataFrame
    is refused with a hint how to convert it.
    """
    folder = root / _FOLDER
    candidates = [folder / sub / name for name in _RAW_NAMES for sub in ("", "data")]
    for path in candidates:
        if path.is_file():
            return _recordings(load_pickle(read_bytes(path), path), path)
    archive = folder / _ARCHIVE
    if archive.is_file():
        content, member = _from_archive(archive)
        return _recordings(load_pickle(content, archive / member), archive / member)
    looked = "\n".join(f"  {path}" for path in (*candidates, archive))
    raise DataError(
        f"no raw Braille recordings; looked for\n{looked}\nDownload {_ARCHIVE} from {_ZENODO} "
        f"(no checksum is published, so it is not fetched automatically) into {folder.absolute()}"
    )


def _from_archive(archive: Path) -> tuple[bytes, str]:
    try:
        with zipfile.ZipFile(archive) as file:
            for member in file.namelist():
                if member.rsplit("/", 1)[-1] in _RAW_NAMES:
                    return file.read(member), member
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise DataError(f"{archive}: truncated or damaged zip file ({error})") from error
    raise DataError(f"{archive}: holds none of {', '.join(_RAW_NAMES)}")


def _recordings(content: object, path: Path) -> Recordings:
    letters, signals = [], []
    for i, record in enumerate(_records(content, path)):
        where = f"{path}: recording {i}"
        if not isinstance(record, Mapping) or not {"letter", "taxel_data"} <= record.keys():
            raise DataError(f"{where}: expected a dict with letter and taxel_data")
        letter = record["letter"]
        if letter not in LETTERS:
            raise DataError(f"{where}: the letter {letter!r} is neither Space nor A to Z")
        letters.append(LETTERS.index(letter))
        signals.append(checked_signal(record["taxel_data"], f"{where} (letter {letter})"))
    if not signals:
        raise DataError(f"{path}: holds no recording")
    lengths = [len(signal) for signal in signals]
    shortest = min(lengths)
    present, labels = np.unique(letters, return_inverse=True)
    return Recordings(
        signals=pressure(np.stack([signal[:shortest] for signal in signals])),
        labels=labels.astype(np.int64),
        class_names=[LETTERS[letter] for letter in present],
        longest=max(lengths),
    )


def _records(content: object, path: Path) -> Iterable[object]:
    """One record per recording, from a list of records or a dict of columns."""
    if isinstance(content, list):
        return content
    if isinstance(content, dict) and {"letter", "taxel_data"} <= content.keys():
        columns = []
        for name in ("letter", "taxel_data"):
            column = content[name]  # a list, an array, or a dict by row number
            columns.append(list(column.values() if isinstance(column, dict) else column))
        if len(columns[0]) != len(columns[1]):
            raise DataError(f"{path}: {len(columns[0])} letters, {len(columns[1])} recordings")
        return (
            {"letter": letter, "taxel_data": data} for letter, data in zip(*columns, strict=True)
        )
    raise DataError(f"{path}: expected a list of recordings, found a {type(content).__name__}")


def pressure(raw: np.ndarray) -> np.ndarray:
    """What a taxel's raw value, 0..255, means: 0 for no pressure."""
    return 1 - raw / _FULL_SCALE


def checked_signal(values: object, where: str) -> np.ndarray:
    """One recording as float64 ``[sample, taxel]``.

    Raises:
        DataError: another shape, or a value outside of 0..255.
    """
    try:
        signal = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: taxel_data is no table of numbers ({error})") from error
    if signal.ndim != 2 or signal.shape[1] != NB_TAXELS or not len(signal):
        raise DataError(
            f"{where}: taxel_data has shape {signal.shape}, expected (samples, {NB_TAXELS} taxels)"
        )
    wrong = ~(np.isfinite(signal) & (signal >= 0) & (signal <= _FULL_SCALE))
    if wrong.any():
        step, taxel = np.argwhere(wrong)[0]
        raise DataError(
            f"{where}: sample {step}, taxel {taxel}: {signal[step, taxel]} is outside 0..255"
        )
    return signal
