"""Launching: no more jobs at once than asked for, and all of them to their end."""

from __future__ import annotations

import pickle
import threading

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from snn.sweeps.launch import PointStopped, launch_all


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
        failed = {"seed=3": RuntimeError("out of memory")}
        return [
            JobReturn(
                _return_value=failed.get(line[0]),
                status=JobStatus.FAILED if line[0] in failed else JobStatus.COMPLETED,
            )
            for line in job_overrides
        ]


def test_local_jobs_take_turns_and_all_end() -> None:
    launcher = LocalLauncher(partners=2)
    errors = launch_all(launcher, [[f"seed={n}"] for n in range(6)], 10, at_once=2)
    assert list(map(str, errors)) == ["None", "None", "killed", "out of memory", "None", "None"]
    assert launcher.most == 2
    assert sorted(launcher.ended) == [(10 + n, f"seed={n}") for n in range(6)]


class OtherLauncher(LocalLauncher):
    """Any launcher that limits its jobs itself."""


def test_other_launchers_get_all_jobs_at_once() -> None:
    launcher = OtherLauncher(partners=1)
    nothing, error = launch_all(launcher, [["seed=1"], ["seed=3"]], 4, at_once=1)
    assert nothing is None
    assert str(error) == "out of memory"
    assert launcher.ended == [(4, "seed=1"), (4, "seed=3")]


def test_a_lost_race_is_known_as_such_from_another_process() -> None:
    stop = PointStopped("another process trains here")
    stop.busy = True
    arrived = pickle.loads(pickle.dumps(stop))
    assert (arrived.busy, str(arrived)) == (True, "another process trains here")
    assert not PointStopped("failed").busy
