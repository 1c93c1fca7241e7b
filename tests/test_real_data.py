"""Short trainings on real recordings rise well above chance. Skipped where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import run
from tests.requirements import absent

pytestmark = [pytest.mark.real_data, pytest.mark.seconds(5)]


def holds(root: Path, *files: str) -> None:
    for file in files:
        if not (root / file).exists():
            absent("data", f"no {file} below SNN_DATA")


def test_fashion_mnist(tmp_path: Path, real_data: Path) -> None:
    holds(real_data, "FashionMNIST/raw")
    result = run(
        tmp_path / "run",
        "data=fashion_mnist",
        f"data.root={real_data}",
        f"data.cache={tmp_path}",
        "data.download=false",
        "data.nb_steps=50",
        "data.train_eval_samples=500",
        "model.nb_hidden=50",
        "model.scale=20",
        "optimizer.lr=5e-3",
        "trainer.max_epochs=1",
        "+trainer.limit_train_batches=60",
        "+trainer.limit_val_batches=2",
        "+trainer.limit_test_batches=8",
    )
    assert result["data.train_samples"] == 54_000
    assert result["data.test_samples"] == 10_000
    assert result["metrics.final.test.accuracy"] > 0.5  # chance: 0.1


def test_braille(tmp_path: Path, real_data: Path) -> None:
    holds(real_data, "TBL")
    result = run(
        tmp_path / "run",
        "experiment=tbl",
        f"data.root={real_data}",
        f"data.cache={tmp_path}",
        "data.download=false",
        "model.nb_hidden=100",
        "trainer.max_epochs=8",
    )
    assert (result["data.train_samples"], result["data.test_samples"]) == (972, 270)
    assert result["metrics.final.test.accuracy"] > 0.35  # chance: 0.037


def test_spoken_digits(tmp_path: Path, real_data: Path) -> None:
    holds(real_data, "FSDD-Lauscher")
    result = run(
        tmp_path / "run",
        "data=shd",
        f"data.root={real_data}",
        f"data.cache={tmp_path}",
        "data.train_file=FSDD-Lauscher/train.h5",
        "data.test_file=FSDD-Lauscher/test.h5",
        "data.max_time=0.8",
        "data.nb_steps=50",
        "data.batch_size=64",
        "model.tau_mem=2.5",
        "model.tau_syn=1",
        "model.scale=10",
        "optimizer.lr=5e-3",
        "trainer.max_epochs=6",
    )
    assert result["data.nb_classes"] == 10
    assert result["data.test_samples"] == 620
    assert result["metrics.final.train.accuracy"] > 0.2  # chance: 0.1
    assert 0 < result["metrics.final.test_unheard.accuracy"] < 1
