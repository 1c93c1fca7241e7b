"""What several tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tests.commands import SMALL, run


@pytest.fixture(autouse=True)
def _fixed_seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Root of the real data sets; skips where there is none."""
    root = os.environ.get("SNN_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("SNN_DATA names no folder with real data")
    return Path(root)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that others look at."""
    directory = tmp_path_factory.mktemp("finished")
    run(directory, *SMALL)
    return directory
