"""Who speaks in a recording: numbers or names in ``extra/speaker``, where a file tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from snn.data.hdf5 import one_per_sample, opened
from snn.errors import DataError

NAME = "extra/speaker"
_UNKNOWN = ("", "-1")  # as text; as numbers, all below 0


@dataclass(frozen=True)
class Speakers:
    """The speakers of a file.

    Attributes:
        path: of the file.
        of: number or name of each recording's speaker.
        problem: why they cannot be told apart; empty if they can.
    """

    path: Path
    of: list[int | str]
    problem: str = ""

    def require(self) -> None:
        """Refuse speakers that cannot be told apart.

        Raises:
            DataError: one is unknown, or they are neither numbers nor names.
        """
        if self.problem:
            raise DataError(
                f"{self.path}: {NAME}: {self.problem}; data.split=speaker needs the speaker of "
                "every training recording: use data.split=stratified"
            )


def read_speakers(path: Path, nb_samples: int) -> Speakers | None:
    """The speakers that a file tells, or None if it tells none.

    Unknown speakers are no fault of a file whose speakers nobody asks for: see ``require``.

    Raises:
        DataError: not HDF5, truncated, or not one speaker for each of ``nb_samples`` recordings.
    """
    with opened(path) as file:
        dataset = file.get(NAME)
        if not isinstance(dataset, h5py.Dataset):
            return None
        values = one_per_sample(path, dataset)
    if len(values) != nb_samples:
        raise DataError(f"{path}: {len(values)} entries in {NAME}, {nb_samples} labels")
    found = [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values.tolist()]
    kinds = {type(speaker) for speaker in found}
    if kinds not in ({int}, {str}):
        return Speakers(path, [], f"expected integers or names, found {values.dtype}")
    for sample, speaker in enumerate(found):
        if speaker in _UNKNOWN or (isinstance(speaker, int) and speaker < 0):
            return Speakers(path, [], f"sample {sample} has {speaker!r}, an unknown speaker")
    return Speakers(path, found)


def numbered(files: Sequence[Speakers]) -> tuple[list[Tensor], dict[int, int | str]]:
    """A number for each speaker, the same in all files.

    Numbers stay as they are. Names, or numbers where another file has names, are numbered in
    alphabetical order.

    Returns:
        (int64 ``[sample]`` of each file, what the files call each number).
    """
    everyone = {speaker for file in files for speaker in file.of}
    if all(isinstance(speaker, int) for speaker in everyone):
        return [torch.tensor(file.of) for file in files], {s: s for s in sorted(everyone)}
    names = sorted({str(speaker) for speaker in everyone})
    number = {name: i for i, name in enumerate(names)}
    ids = [torch.from_numpy(np.array([number[str(s)] for s in file.of])) for file in files]
    return ids, dict(enumerate(names))
