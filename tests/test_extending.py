"""The examples of docs/extending.md, put where they say, run."""

from __future__ import annotations

import re
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from snn.config.compose import resolved
from snn.config.groups import datamodule_of
from snn.config.schema import check
from snn.errors import ConfigError
from snn.runs import RunDirectory, read_json
from snn.runs.run import train
from tests.commands import ROOT, SMALL
from tests.kernels.neurons import LayerCase, assert_same_layer
from tests.requirements import needs

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
# Each example begins with the name of its file.
EXAMPLES = re.findall(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```", PAGE, re.S | re.M)


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configurations with those of the examples; their modules can be imported."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    for name, text in EXAMPLES:
        if name.endswith(".yaml"):
            (tmp_path / name).write_text(text, encoding="utf-8")
            continue
        module = types.ModuleType(name.removesuffix(".py").replace("/", "."))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(text, name, "exec"), module.__dict__)
    return tmp_path / "conf"


def config_in(conf: Path, *overrides: str) -> dict:
    with initialize_config_dir(str(conf), version_base="1.3"):
        config = resolved(compose("train", list(overrides)))
    check(config)
    return config


def test_no_example_is_left_out() -> None:
    assert len(EXAMPLES) == len(re.findall(r"^```\w", PAGE, re.M))
    for name, _ in EXAMPLES:
        assert not (ROOT / name).exists(), name


def write_mine(folder: Path, part: str, samples: int) -> None:
    """Spikes of the lower or of the upper half of the units."""
    rng = np.random.default_rng(samples)
    labels = np.arange(samples) % 2
    sample = np.repeat(np.arange(samples), 30)
    unit = rng.integers(0, 20, len(sample)) + 20 * labels[sample]
    step = rng.integers(0, 100, len(sample))
    folder.mkdir(exist_ok=True)
    np.savez(folder / f"{part}.npz", sample=sample, step=step, unit=unit, labels=labels)


def test_an_own_data_set_is_learned(conf: Path, tmp_path: Path) -> None:
    write_mine(tmp_path / "mine", "train", 80)
    write_mine(tmp_path / "mine", "test", 20)
    overrides = [
        "data=mine",
        f"data.root={tmp_path}",
        "data.batch_size=16",
        "model.scale=10",
        "model.weight_scale=1",
        "optimizer.lr=1e-2",
        "trainer.max_epochs=4",
        "trainer.accelerator=cpu",
    ]
    train(config_in(conf, *overrides), RunDirectory(tmp_path / "run"), overrides, "none")
    result = read_json(tmp_path / "run" / "result.json")
    assert (result["data.nb_steps"], result["data.nb_units"]) == (100, 40)
    assert (result["data.train_samples"], result["data.val_samples"]) == (72, 8)
    assert result["metrics.final.test.accuracy"] > 0.9


def test_the_annotations_of_an_own_data_set_are_its_schema(conf: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.nb_steps=0: must be greater than 0"):
        config_in(conf, "data=mine", "data.nb_steps=0")


def test_an_own_model_trains_and_leaves_a_result(conf: Path, tmp_path: Path) -> None:
    small = [key for key in SMALL if not key.startswith("model.scale")]
    overrides = [*small, "model=integrator", "trainer.max_epochs=8"]
    train(config_in(conf, *overrides), RunDirectory(tmp_path / "run"), overrides, "none")
    result = read_json(tmp_path / "run" / "result.json")
    assert result["metrics.final.train.accuracy"] > 0.4  # of four classes
    assert result["metrics.final.test.hidden0/spikes_per_sample"] > 0
    assert result["backend"] is None
    assert "metrics.final.test.synops_per_sample" not in result


@needs("cpu")
def test_an_own_neuron_trains_on_the_kernels(conf: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SNN_CACHE", str(tmp_path))
    small = [key for key in SMALL if not key.startswith("model.scale")]
    overrides = [*small, "model=resonator", "model.weight_scale=10", "trainer.max_epochs=6"]
    train(config_in(conf, *overrides), RunDirectory(tmp_path / "run"), overrides, "none")
    result = read_json(tmp_path / "run" / "result.json")
    assert result["backend"] == "cpu"
    assert list((tmp_path / "neurons").glob("Resonator_*.so"))
    assert result["metrics.final.train.accuracy"] > 0.5  # of four classes
    neuron = sys.modules["snn.neurons.resonator"].Resonator()
    assert_same_layer(LayerCase(neuron))
    body = dict(EXAMPLES)["snn/neurons/resonator.py"].split("@dataclass")[1]
    assert len(body.strip().splitlines()) < 20


def test_an_own_augmentation_is_applied(conf: Path) -> None:
    overrides = ["augment=reverse", "augment.reverse.p=0.9", "data.nb_train=20"]
    data = datamodule_of(config_in(conf, *overrides))
    data.setup()
    (turn,) = data.augmentations
    assert (turn.name, turn.p) == ("reverse", 0.9)
    x, _ = next(iter(data.train_dataloader()))
    plain = data.train.inputs.to_dense()
    shown = x.to_dense()
    # shown anew in a random order: each sample is one of the data, mostly one turned around
    there = {sample.numpy().tobytes() for sample in plain}
    turned = {sample.flip(0).numpy().tobytes() for sample in plain}
    keys = [sample.numpy().tobytes() for sample in shown]
    assert all(key in there | turned for key in keys)
    assert 0.7 < sum(key in turned for key in keys) / len(keys) < 1.0
