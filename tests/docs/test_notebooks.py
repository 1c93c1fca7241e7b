"""The notebooks run from their first cell to their last; what they assert holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT

FOLDER = ROOT / "docs" / "notebooks"


def execute(name: str, **environment: str) -> str:
    """What a notebook prints."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, str(FOLDER / name)],
        cwd=FOLDER,
        env={**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_notebook_is_tested() -> None:
    assert {path.name for path in FOLDER.glob("*.py")} == {
        "first_network.py",
        "fashion_mnist.py",
        "sweep.py",
    }


@pytest.mark.seconds(8)
def test_first_network() -> None:
    assert "test accuracy" in execute("first_network.py")


@pytest.mark.seconds(3)
def test_sweep() -> None:
    assert "model.regularizer" in execute("sweep.py")


@pytest.mark.long
@pytest.mark.real_data
def test_fashion_mnist(real_data: Path) -> None:
    out = execute("fashion_mnist.py", SNN_DATA=str(real_data))
    assert "test accuracy" in out
