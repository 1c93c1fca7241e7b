"""Starts points with Hydra's launchers, and comes back when all of them have ended."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher

from snn.errors import BusyError, SnnError


class PointStopped(CompactHydraException):
    """How a job tells Hydra that its point is not completed.

    Attributes:
        busy: another process trains the point. The cause itself would be lost on the way from a
            launcher's process, which an attribute survives.
    """

    busy = False

    @classmethod
    def by(cls, error: SnnError) -> PointStopped:
        """For what went wrong."""
        stop = cls(str(error))
        stop.busy = isinstance(error, BusyError)
        return stop


def launch_all(
    launcher: Launcher, lines: Sequence[Sequence[str]], first: int, at_once: int | None
) -> list[Exception | None]:
    """Start a job for each line of overrides and wait for all of them.

    Args:
        launcher: set up by Hydra.
        lines: of overrides.
        first: number of the first job.
        at_once: how many may run beside each other on this machine; None if they run elsewhere.

    Returns:
        What each job ended with; None if it did what it should.

    Raises:
        Exception: a launcher's own, if it starts all jobs in one call; they have ended.
    """
    kind = type(launcher).__name__
    if kind == "SlurmLauncher":
        from snn.sweeps.slurm import watched  # needs an extra

        with watched():
            returned = launcher.launch(lines, initial_job_idx=first)
    elif kind == "LocalLauncher" and at_once is not None:
        return _in_turns(launcher, lines, first, at_once)
    else:
        returned = launcher.launch(lines, initial_job_idx=first)
    return [_error(job) for job in returned]


def _error(job: JobReturn) -> Exception | None:
    # The public property raises it, and prints.
    return job._return_value if job.status is JobStatus.FAILED else None


def _in_turns(
    launcher: Launcher, lines: Sequence[Sequence[str]], first: int, at_once: int
) -> list[Exception | None]:
    """submitit's local launcher starts all jobs of a call at once; so one call for each."""
    pool = ThreadPoolExecutor(at_once)
    try:
        jobs = [
            pool.submit(launcher.launch, [line], initial_job_idx=first + number)
            for number, line in enumerate(lines)
        ]
        errors = [job.exception() or _error(job.result()[0]) for job in jobs]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        _stop_local_jobs()
        raise
    pool.shutdown()
    return errors


def _stop_local_jobs() -> None:
    """Stop the runs of submitit's local launcher, which would outlive a command that is stopped."""
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if "submitit.local._local" in child.cmdline():
                child.send_signal(signal.SIGINT)  # it passes that on
