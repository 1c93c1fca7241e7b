"""The samples that a network is evaluated on."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from snn.config.groups import datamodule_of
from snn.config.overrides import parse
from snn.config.schema import check
from snn.data.base import SpikeDataModule
from snn.data.samples import Split
from snn.errors import ConfigError, DataError
from snn.runs.loading import TrainedNetwork

CHOOSES_SAMPLES = frozenset(
    {"split", "split_seed", "test_fraction", "val_fraction", "val_speakers", "_target_"}
)
"""Keys of ``data`` that cannot change: samples that the network has seen would come to test it."""


def changed_config(config: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The run's configuration with other values of ``data``.

    Args:
        config: of the run; stays as it is.
        overrides: ``data.<key>=<value>``, as on the command line of ``train.py``.

    Raises:
        ConfigError: no such key, a value that it cannot have, or a key that must stay.
    """
    config = copy.deepcopy(config)
    for override in parse(overrides):
        group, _, key = override.key_or_group.partition(".")
        if group != "data" or not key:
            raise ConfigError(override.key_or_group, override.value(), "a key of data.*")
        if key.split(".")[0] in CHOOSES_SAMPLES:
            raise ConfigError(
                override.key_or_group,
                override.value(),
                "left as it is: samples that the network was trained on would come to test it",
            )
        node = config["data"]
        *parents, last = key.split(".")
        for parent in parents:
            node = node.get(parent) if isinstance(node.get(parent), dict) else {}
        node[last] = override.value()
    check(config)
    return config


def chosen_samples(
    trained: TrainedNetwork, overrides: Sequence[str], split: str
) -> tuple[SpikeDataModule, Split]:
    """A part of the data, with as many input units as the network has.

    Args:
        trained: the network.
        overrides: of ``data``, see :func:`changed_config`.
        split: name of the part: ``train``, ``val``, ``test`` and perhaps more.

    Raises:
        SnnError: the data are missing, damaged, or do not fit the network.
    """
    datamodule = datamodule_of(changed_config(dict(trained.config), overrides))
    datamodule.augmentations = ()
    datamodule.measures_test = True
    datamodule.setup()
    if split not in datamodule.test_splits:
        raise ConfigError("--split", split, f"one of {', '.join(datamodule.test_splits)}")
    if datamodule.class_names != trained.class_names:
        raise DataError(
            f"these data have the classes {datamodule.class_names}, the network knows "
            f"{trained.class_names}"
        )
    return datamodule, _fitting(datamodule.split(split), datamodule, trained)


def _fitting(split: Split, datamodule: SpikeDataModule, trained: TrainedNetwork) -> Split:
    have, want = datamodule.nb_units, trained.data.nb_units
    if have == want:
        return split
    if have > want or datamodule.analog:
        raise DataError(f"these data have {have} input units, the network has {want}")
    # Files in which the highest channels happen to be silent.
    return Split(split.inputs.with_units(want), split.labels, split.index)
