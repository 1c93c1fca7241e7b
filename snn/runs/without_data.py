"""What a network must know of its data, from a run's files instead of the data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snn.data import FashionMNIST
from snn.data.base import SpikeDataModule
from snn.data.fashion_mnist import CLASS_NAMES
from snn.data.tactile import LETTERS
from snn.data.tbl import TBL
from snn.errors import RunError
from snn.training.classifiers import DataSpec


def spec_of(datamodule: SpikeDataModule) -> DataSpec:
    """What a model is built from; weights of the loss, which nobody needs then, are left alike."""
    return DataSpec(
        nb_units=datamodule.nb_units,
        nb_classes=datamodule.nb_classes,
        time_step=datamodule.time_step,
        analog=datamodule.analog,
        class_counts=(1,) * datamodule.nb_classes,
    )


def restore(
    datamodule: SpikeDataModule,
    path: Path,
    checkpoint: Mapping[str, Any],
    config: Mapping[str, Any],
    result: Mapping[str, Any] | None,
) -> None:
    """Tell a data module what it would know if it had loaded its data.

    Args:
        datamodule: nothing is loaded.
        path: of the checkpoint, for messages.
        checkpoint: its content.
        config: of the run.
        result: of the run, if it has ended.

    Raises:
        RunError: that cannot be found out.
    """
    state = checkpoint.get(type(datamodule).__qualname__)
    if state:
        try:
            datamodule.load_state_dict(state)
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{path}: written by another version of this program, or damaged ({error!r})"
            ) from None
        return
    nb_units, nb_classes = _sizes(checkpoint["state_dict"], config, result or {})
    if nb_units is None or nb_classes is None:
        raise RunError(f"{path}: tells neither its input units nor its classes; train it again")
    datamodule.nb_units, datamodule.nb_classes = nb_units, nb_classes
    datamodule.class_names = _class_names(datamodule, nb_classes)


def _sizes(
    weights: Mapping[str, Any], config: Mapping[str, Any], result: Mapping[str, Any]
) -> tuple[int | None, int | None]:
    """Input units and classes of a run that is older than their record."""
    nb_units, nb_classes = result.get("data.nb_units"), result.get("data.nb_classes")
    gain = weights.get("network.encoder.gain")
    first, readout = weights.get("network.hidden.0.weight"), weights.get("network.readout.weight")
    if nb_units is None and gain is not None:
        nb_units = gain.numel() // config["model"]["encoder_copies"]
    elif nb_units is None and first is not None:
        nb_units = first.shape[0]
    if nb_classes is None and readout is not None:
        nb_classes = readout.shape[1]
    return nb_units, nb_classes


def _class_names(datamodule: SpikeDataModule, nb_classes: int) -> list[str]:
    """Names of the classes of a run that is older than their record; else their numbers."""
    known = {FashionMNIST: CLASS_NAMES, TBL: LETTERS}.get(type(datamodule), [])
    return known if len(known) == nb_classes else [str(i) for i in range(nb_classes)]
