"""What several tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tests.commands import SMALL, run
from tests.order import arranged
from tests.requirements import absent, demand, folder_missing, required


def pytest_configure() -> None:
    required()  # a typing error there would require nothing


@pytest.hookimpl(trylast=True)  # of what -m and -k leave
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        items[:] = arranged(items, _seconds, lambda item: item.path.name, workers)


def _seconds(item: pytest.Item) -> float:
    mark = item.get_closest_marker("seconds")
    return mark.args[0] if mark else 0.0


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        demand(*mark.args)


@pytest.fixture(autouse=True)
def _fixed_seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Root of the real data sets; skips where there is none."""
    if reason := folder_missing("SNN_DATA"):
        absent("data", reason)
    return Path(os.environ["SNN_DATA"])


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that others look at."""
    directory = tmp_path_factory.mktemp("finished")
    run(directory, *SMALL)
    return directory
