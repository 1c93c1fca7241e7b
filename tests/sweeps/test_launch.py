"""Launching: no more jobs at once than asked for, and all of them to their end."""

from __future__ import annotations

import threading

import pytest
from hydra.plugins.launcher import Launcher

from snn.sweeps.launch import launch_all


class LocalLauncher(Launcher):
    """Like submitit's in what matters here: what it is given at once, it starts at once."""

    def __init__(self, partners: int) -> None:
        self.meeting = threading.Barrier(partners, timeout=60)
        self.lock = threading.Lock()
        self.running = self.most = 0
        self.ended: list[tuple[int, str]] = []

    def setup(self, **_: object) -> None:
        raise NotImplementedError

    def launch(self, job_overrides, initial_job_idx):
        with self.lock:
            self.running += len(job_overrides)
            self.most = max(self.most, self.running)
        self.meeting.wait()  # nobody ends before as many run as may
        with self.lock:
            self.running -= len(job_overrides)
            self.ended += [(initial_job_idx, *line) for line in job_overrides]
        if ["seed=2"] in job_overrides:
            raise RuntimeError("killed")


def test_local_jobs_take_turns_and_all_end() -> None:
    launcher = LocalLauncher(partners=2)
    with pytest.raises(RuntimeError, match="killed"):
        launch_all(launcher, [[f"seed={n}"] for n in range(6)], 10, at_once=2)
    assert launcher.most == 2
    assert sorted(launcher.ended) == [(10 + n, f"seed={n}") for n in range(6)]


class OtherLauncher(LocalLauncher):
    """Any launcher that limits its jobs itself."""


def test_other_launchers_get_all_jobs_at_once() -> None:
    launcher = OtherLauncher(partners=1)
    launch_all(launcher, [["seed=1"], ["seed=3"]], 4, at_once=1)
    assert launcher.ended == [(4, "seed=1"), (4, "seed=3")]
