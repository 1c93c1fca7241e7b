"""Waiting for Slurm's jobs: for all of them, and also where Slurm keeps no accounts.

Needs submitit, which the ``cluster`` extra installs.
"""

from __future__ import annotations

import getpass
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from submitit.slurm.slurm import SlurmInfoWatcher, SlurmJob

# Slurm's states from which a job does not come back, see squeue(1).
ENDED = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
}


class Watcher(SlurmInfoWatcher):
    """Asks Slurm how far jobs are: its accounts if it keeps any, else the queue.

    submitit asks the accounts alone. Without them, a job that dies and leaves no result is
    waited for without end.
    """

    def __init__(self) -> None:
        super().__init__(delay_s=30)
        self.has_accounts = _has_accounts()

    def _make_command(self) -> list[str] | None:
        command = super()._make_command()
        if self.has_accounts or command is None:
            return command
        # Not by job: squeue refuses ids that it has forgotten, minutes after their end.
        user = f"--user={getpass.getuser()}"
        return ["squeue", "--noheader", "--array", "--states=all", user, "--format=%i|%T"]

    def read_info(self, string: bytes | str) -> dict[str, dict[str, str]]:
        """``{job: {"State": ...}}`` from what the command printed."""
        if self.has_accounts:
            return super().read_info(string)
        text = string if isinstance(string, str) else string.decode()
        listed = dict(line.split("|", 1) for line in text.split())
        return {job: {"State": _state(listed.get(job, "COMPLETED"))} for job in self._registered}

    def wait(self) -> None:
        """Wait until every job that was submitted while watching has ended."""
        while not all(self.is_done(job) for job in sorted(self._registered)):
            time.sleep(1)


def _state(listed: str) -> str:
    """A state as submitit knows it: what is none of :data:`ENDED`, it may take for an end."""
    if listed == "PREEMPTED":  # and not requeued, or it would be pending
        return "CANCELLED"
    return listed if listed in ENDED else "RUNNING"


def _has_accounts() -> bool:
    try:
        return subprocess.run(["sacct", "--allocations"], capture_output=True).returncode == 0
    except OSError:
        return False


@contextmanager
def watched() -> Iterator[Watcher]:
    """Watch jobs that submitit submits in this context, and do not leave before all have ended.

    submitit's launcher for Hydra stops at the first job that left no result, while others wait in
    the queue or run.
    """
    before, watcher = SlurmJob.watcher, Watcher()
    SlurmJob.watcher = watcher
    try:
        yield watcher
    except Exception:
        watcher.wait()
        raise
    finally:
        SlurmJob.watcher = before
