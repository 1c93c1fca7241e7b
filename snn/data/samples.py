"""Labelled samples: a split of a data set, what a data set hands over, a batch."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from snn.errors import DataError, InputError
from snn.events import EventBatch, EventStore

Batch = tuple[EventBatch | Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled samples: rows ``index`` of ``inputs``.

    Attributes:
        inputs: spikes of at least these samples, or analog signals float32
            ``[sample, step, channel]``. Subsets share it.
        labels: int64 ``[n]``, of the samples of this split.
        index: int64 ``[n]``, their rows in ``inputs``.
    """

    inputs: EventStore | Tensor
    labels: Tensor
    index: Tensor

    @classmethod
    def whole(cls, inputs: EventStore | Tensor, labels: Tensor) -> Self:
        """All samples of ``inputs``.

        Raises:
            DataError: there are more or fewer labels.
        """
        if len(inputs) != len(labels):
            raise DataError(
                f"{len(labels)} labels for {len(inputs)} samples: expected one for each"
            )
        return cls(inputs, labels, torch.arange(len(labels)))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Tensor) -> Batch:
        """The batch of samples ``index`` (int64 ``[batch]``) of this split, and its labels."""
        rows = self.index[index]
        if isinstance(self.inputs, Tensor):
            return self.inputs[rows], self.labels[index]
        return EventBatch(self.inputs, rows), self.labels[index]

    def check_size(self, nb_steps: int, nb_units: int, what: str) -> None:
        """Whether samples are as large as promised.

        Args:
            nb_steps: time steps of a sample.
            nb_units: its units, or channels.
            what: these samples are, for messages.

        Raises:
            DataError: they are not.
        """
        inputs = self.inputs
        if isinstance(inputs, Tensor):
            size = tuple(inputs.shape[1:])
        else:
            size = inputs.nb_steps, inputs.nb_units
        if size != (nb_steps, nb_units):
            found = "{} steps and {} units".format(*size) if len(size) == 2 else f"shape {size}"
            raise DataError(
                f"{what}: samples of {found}, but nb_steps is {nb_steps} and nb_units {nb_units}"
            )

    def check_labels(self, nb_classes: int, what: str) -> None:
        """Whether each sample has the label of a class.

        Args:
            nb_classes: number of classes.
            what: these samples are, for messages.

        Raises:
            DataError: it has not.
        """
        labels, samples = self.labels, len(self.inputs)
        if labels.dtype != torch.int64 or labels.ndim != 1:
            raise DataError(
                f"{what}: labels of shape {list(labels.shape)} and {labels.dtype}: expected one "
                "int64 per sample"
            )
        if len(labels) != len(self.index) or (len(labels) and int(self.index.max()) >= samples):
            raise DataError(f"{what}: {len(labels)} labels for {samples} samples")
        wrong = ((labels < 0) | (labels >= nb_classes)).nonzero()[:, 0]
        if len(wrong):
            raise DataError(
                f"{what}: sample {int(wrong[0])} has label {int(labels[wrong[0]])}, expected "
                f"0..{nb_classes - 1}, as there are {nb_classes} class_names"
            )

    def subset(self, index: Tensor) -> Self:
        """Some of the samples, without a copy of the inputs."""
        return replace(self, labels=self.labels[index], index=self.index[index])

    def counts(self) -> Tensor | None:
        """Events of each sample, int64 ``[n]``; None for analog signals."""
        return None if isinstance(self.inputs, Tensor) else self.inputs.counts()[self.index]


@dataclass(frozen=True, eq=False)
class Source:
    """What a data set hands over: its official training and test part, not yet split.

    Attributes:
        train: everything that training and validation may use.
        test: never used to choose anything.
        class_names: one per label.
        facts: for the summary.
    """

    train: Split
    test: Split
    class_names: list[str]
    facts: dict[str, object] = field(default_factory=dict)


def as_array(raw: Any, what: str) -> np.ndarray:
    """Somebody's numbers as an array.

    Args:
        raw: an array, a tensor, or nested lists.
        what: it should be, for the message.

    Raises:
        InputError: it cannot be one: rows of different lengths, no numbers.
    """
    if isinstance(raw, Tensor):
        raw = raw.detach().cpu()
    try:
        array = np.asarray(raw)
    except (TypeError, ValueError):
        array = None
    if array is None or array.dtype.kind not in "biuf":
        raise InputError(f"{what}: expected an array of numbers, got a {type(raw).__name__}")
    return array
