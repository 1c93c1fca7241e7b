"""Every file of the configuration composes, and shows what its target takes."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import get_object

from snn.cli.command import preflight

CONF = Path(__file__).resolve().parents[2] / "conf"
GROUPS = (
    "data",
    "data/encoder",
    "model",
    "optimizer",
    "scheduler",
    "trainer",
    "logger",
    "callbacks",
)


def choices(group: str) -> list[str]:
    return sorted(f.stem for f in (CONF / group).glob("*.yaml"))


@pytest.mark.parametrize(
    "override",
    [f"{g}={c}" for g in GROUPS if g != "data/encoder" for c in choices(g)]
    + [f"experiment={c}" for c in choices("experiment")],
)
def test_every_choice_composes_and_passes(override: str) -> None:
    preflight(["-m", override], CONF, "train")  # as on the head of a cluster, which has no GPU


def test_directories_are_named_before_a_run_starts() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", ["data=tbl"], return_hydra_config=True)
    cfg.hydra.runtime.choices["data"] = "tbl"
    assert cfg.hydra.run.dir.startswith("outputs/tbl/")
    assert cfg.hydra.sweep.dir == "outputs/sweeps/free/tbl"


@pytest.mark.parametrize("choice", choices("data/encoder"))
def test_every_encoder_composes_and_passes(choice: str) -> None:
    preflight(["data=fashion_mnist", f"data/encoder={choice}"], CONF, "train")


@pytest.mark.parametrize("choice", choices("augment"))
def test_every_augmentation_composes_and_shows_its_parameters(choice: str) -> None:
    data = "tbl" if choice.startswith("signal") else "randman"
    preflight([f"data={data}", f"augment={choice}"], CONF, "train")
    ((name, node),) = yaml.safe_load((CONF / "augment" / f"{choice}.yaml").read_text()).items()
    parameters = inspect.signature(get_object(node.pop("_target_"))).parameters
    assert (name, node) == (choice, {k: p.default for k, p in parameters.items()})


def shown_and_defaults(file: Path) -> tuple[dict, dict]:
    """What a file of a model shows, and the defaults of what it names."""
    node = yaml.safe_load(file.read_text())
    assert node.pop("defaults") == ["/model_delays@delays", "_self_"]
    parameters = inspect.signature(get_object(node["_target_"])).parameters
    from_data = {"data", "optimizer", "scheduler"}
    shown = {key: value for key, value in node.items() if not key.startswith("_")}
    return shown, {k: p.default for k, p in parameters.items() if k not in from_data}


def test_the_file_of_a_model_shows_every_parameter_with_its_default() -> None:
    shown, defaults = shown_and_defaults(CONF / "model" / "recurrent_lif.yaml")
    assert defaults.pop("delays") is None
    assert shown == defaults


def test_the_file_of_delays_shows_every_option_with_its_default() -> None:
    delays = yaml.safe_load((CONF / "model_delays.yaml").read_text())
    options = get_object(delays.pop("_target_"))
    assert delays == {f.name: f.default for f in fields(options)}


def test_the_files_of_declared_neurons_show_every_parameter_with_its_default() -> None:
    shown, defaults = shown_and_defaults(CONF / "model_common.yaml")
    of_neuron = {"neuron", "initial", "learn"}  # stand in the neuron's own file
    assert defaults.pop("delays") is None
    assert shown == {k: v for k, v in defaults.items() if k not in of_neuron}
    for model in choices("model"):
        node = yaml.safe_load((CONF / "model" / f"{model}.yaml").read_text())
        if "_target_" not in node:
            assert node.pop("defaults")
            assert set(node) <= set(shown) | of_neuron, model


@pytest.mark.parametrize("several", ["[event_dropout,time_jitter]", "[]", "event_dropout"])
def test_several_augmentations_compose(several: str) -> None:
    preflight([f"augment={several}"], CONF, "train")
    preflight(["experiment=fashion_mnist_best", f"augment={several}"], CONF, "train")
