from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from snn.events.encoding import TTFS, LinearLatency, Rate
from tests.data.files import write_fashion_mnist, write_shd, write_tbl

CONF = Path(__file__).parents[2] / "conf"


def make(name, *overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", [f"data={name}", "seed=7", *overrides])
    return instantiate(config.data)


@pytest.mark.parametrize("name", ["randman", "fashion_mnist", "shd", "tbl"])
def test_each_data_set_from_its_config(name, root, tmp_path, monkeypatch):
    monkeypatch.setenv("SNN_DATA", str(root))
    monkeypatch.setenv("SNN_CACHE", str(tmp_path / "elsewhere"))
    write_fashion_mnist(root)
    write_shd(root)
    write_tbl(root)
    before = sorted(root.rglob("*"))
    data = make(name, "data.download=false")
    assert data.seed == 7
    data.setup()
    assert data.summary["train_samples"] > 0
    assert data.name == name
    assert sorted(root.rglob("*")) == before  # nothing is written into the root
    cached = ("fashion_mnist", "shd", "randman")  # what takes a moment to be made
    assert (tmp_path / "elsewhere").exists() == (name in cached)


@pytest.mark.parametrize(
    ("override", "encoder"),
    [
        ("data/encoder=ttfs", TTFS()),
        ("data/encoder=linear_latency", LinearLatency()),
        ("data/encoder=rate", Rate(0.05)),
    ],
)
def test_encoders(override, encoder):
    assert make("fashion_mnist", override).encoder == encoder
