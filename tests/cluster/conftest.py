"""Slurm for tests, where its programs are installed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest

from tests.cluster.slurm import Slurm
from tests.requirements import demand


@pytest.fixture(scope="session")
def cluster() -> Iterator[Slurm]:
    """A Slurm of one node."""
    demand("slurm")
    # Not pytest's own folder: its path may be too long for a socket.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        slurm = Slurm(folder)
        slurm.start()
        try:
            yield slurm
        finally:
            slurm.stop()


@pytest.fixture
def slurm(cluster: Slurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slurm]:
    """The same, spoken to by the commands that a test runs; without jobs of an earlier test."""
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    yield cluster
    cluster.cancel_all()
