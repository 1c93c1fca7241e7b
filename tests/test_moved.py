"""Names from before the package had rooms go on to work, and runs keep their identity."""

from __future__ import annotations

import importlib
import warnings

import pytest
from hydra.utils import get_object

from snn import moved
from snn.config.identity import config_hash, differences, task_config
from tests.commands import config_of

# What the program called these runs before its modules moved.
HASHES = {
    (): "688f3b47965214a6",
    ("experiment=tbl",): "104baf132e2e0f2e",
    (
        "experiment=shd_best",
        "augment=[event_dropout,unit_shift,time_jitter]",
    ): "1ac148b29175ea2d",
    ("data=randman", "augment=time_jitter"): "e2800a1c54e90af6",
    ("callbacks=ema", "scheduler=warmup_cosine"): "0b9db6d541a18a04",
    (  # as the preset was with 200 neurons; docs/results/fashion_mnist_best.md
        "experiment=fashion_mnist_best",
        "model.nb_hidden=200",
        "model.dropout=0.1",
        "augment=event_dropout",
        "trainer.max_epochs=25",
    ): "9eb4ce01de7e91a9",
    (
        "data=fashion_mnist",
        "data/encoder=rate",
        "callbacks=early_stopping",
    ): "5c23688b4e3af866",
}


@pytest.mark.parametrize(("overrides", "known"), HASHES.items())
def test_a_run_is_known_by_the_same_hash_as_before(overrides, known) -> None:
    assert config_hash(config_of(*overrides)) == known


@pytest.mark.parametrize("old", moved.MOVED)
def test_an_old_name_gives_the_module_itself(old: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert importlib.import_module(old) is importlib.import_module(moved.MOVED[old])


def test_an_old_name_is_named_with_the_new_one() -> None:
    import sys

    sys.modules.pop("snn.layers", None)
    with pytest.warns(DeprecationWarning, match=r"snn\.layers has moved to snn\.network\.layers"):
        importlib.import_module("snn.layers")


def test_modules_below_a_moved_package_are_not_loaded_twice() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = importlib.import_module("snn.callbacks.checkpoint")
    assert old is importlib.import_module("snn.training.callbacks.checkpoint")


@pytest.mark.parametrize(
    "target", ["snn.models.recurrent_lif", "snn.callbacks.Checkpoint", "snn.encoding.TTFS"]
)
def test_targets_of_old_configurations_are_found(target: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert get_object(target) is get_object(moved.current(target))


def test_old_and_new_names_are_one_task() -> None:
    new = config_of("callbacks=ema", "data.nb_steps=20")
    old = {**new, "model": {**new["model"], "_target_": "snn.models.recurrent_lif"}}
    assert new["model"]["_target_"] == "snn.training.classifiers.recurrent_lif"
    assert config_hash(old) == config_hash(new)
    assert task_config(old) == task_config(new)
    assert not differences(old, new)


def test_names_are_exchanged_as_wholes() -> None:
    assert moved.current("snn.layers.RecurrentLIF") == "snn.network.layers.RecurrentLIF"
    assert moved.current("snn.layers_of_mine") == "snn.layers_of_mine"
    assert moved.original("snn.network.layers.RecurrentLIF") == "snn.layers.RecurrentLIF"
    assert moved.current("torch.optim.Adam") == "torch.optim.Adam"
