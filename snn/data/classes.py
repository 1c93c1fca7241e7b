"""The classes of spiking recordings: their names, and labels that belong to one."""

from pathlib import Path

import torch
from torch import Tensor

from snn.data.spike_hdf5 import read_class_names
from snn.errors import DataError


def class_names_of(paths: list[Path], files: list[Path], labels: Tensor) -> list[str]:
    """Names in the order of the labels: those that the files give, or else the labels themselves.

    Args:
        paths: of the training and the test file, for messages.
        files: the same two, unpacked.
        labels: int64 ``[recording]`` of the training file.

    Raises:
        DataError: the files name different classes, or none does and labels have gaps.
    """
    train_names, test_names = (read_class_names(file) for file in files)
    if train_names and test_names and train_names != test_names:
        raise DataError(
            f"{paths[1]}: extra/keys {test_names} differ from {paths[0]}: {train_names}"
        )
    if names := train_names or test_names:
        return names
    counts = torch.bincount(labels)
    if (counts == 0).any():
        missing = int((counts == 0).nonzero()[0, 0])
        hint = (
            "a label is out of range"
            if missing
            else "labels must start at 0, or the names of all classes must be given there"
        )
        raise DataError(
            f"{paths[0]}: labels reach {len(counts) - 1}, but none is {missing}, and there are no "
            f"class names in extra/keys; {hint}"
        )
    return [str(label) for label in range(len(counts))]


def check_labels(path: Path, labels: Tensor, nb_classes: int) -> None:
    """Refuse labels ``[recording]`` outside ``0..nb_classes - 1``."""
    if (wrong := (labels >= nb_classes).nonzero()[:, 0]).numel():
        hint = (
            "; labels start at 0" if int(labels.min()) and int(labels.max()) == nb_classes else ""
        )
        raise DataError(
            f"{path}: sample {int(wrong[0])} has label {int(labels[wrong[0]])}, "
            f"outside 0..{nb_classes - 1}{hint}"
        )
