"""A job that ends without a result is noticed, and does not end the wait for the others."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.cluster.slurm import Slurm
from tests.requirements import needs

pytestmark = needs("launchers")


@pytest.mark.long
@needs("slurm")
@pytest.mark.seconds(15)
def test_all_jobs_are_awaited_when_one_is_killed(slurm: Slurm, tmp_path: Path) -> None:
    from submitit import AutoExecutor
    from submitit.core.utils import UncompletedJobError
    from submitit.slurm.slurm import SlurmJob

    from snn.sweeps.slurm import watched

    before = SlurmJob.watcher
    executor = AutoExecutor(folder=tmp_path, cluster="slurm")
    executor.update_parameters(timeout_min=5, slurm_partition="debug")

    def watch() -> None:
        with watched() as watcher:
            assert not watcher.has_accounts
            killed, _ = executor.map_array(time.sleep, [300, 10])
            slurm.wait_until(lambda: slurm.state(killed.job_id) == "RUNNING")
            slurm.run("scancel", "--signal=KILL", "--full", killed.job_id)
            killed.result()

    with pytest.raises(UncompletedJobError):
        watch()
    assert slurm.run("squeue", "--noheader") == ""
    assert len(list(tmp_path.rglob("*_result.pkl"))) == 1
    assert SlurmJob.watcher is before


def test_states_are_read_from_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    from snn.sweeps.slurm import Watcher

    monkeypatch.setattr("snn.sweeps.slurm._has_accounts", lambda: False)
    watcher = Watcher()
    for job in ("7_0", "7_1", "7_2", "7_3", "8"):
        watcher.register_job(job)
    monkeypatch.setattr(watcher, "update_if_long_enough", lambda mode: None)
    # Of 8 nothing is known any more: it has ended.
    watcher._info_dict = watcher.read_info(
        "7_0|RUNNING\n7_1|CONFIGURING\n7_2|OUT_OF_MEMORY\n7_3|PREEMPTED\n9|FAILED\n"
    )
    done = {job: watcher.is_done(job) for job in sorted(watcher._registered)}
    assert done == {"7_0": False, "7_1": False, "7_2": True, "7_3": True, "8": True}
