"""Starts points with Hydra's launchers, and comes back when all of them have ended."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
from hydra.plugins.launcher import Launcher


def launch_all(
    launcher: Launcher, lines: Sequence[Sequence[str]], first: int, at_once: int | None
) -> None:
    """Start a job for each line of overrides and wait for all of them.

    Args:
        launcher: set up by Hydra.
        lines: of overrides.
        first: number of the first job.
        at_once: how many may run beside each other on this machine; None if they run elsewhere.

    Raises:
        Exception: a launcher's own, of the first job that left no result; the others have ended.
    """
    kind = type(launcher).__name__
    if kind == "SlurmLauncher":
        from snn.sweeps.slurm import watched  # needs an extra

        with watched():
            launcher.launch(lines, initial_job_idx=first)
    elif kind == "LocalLauncher" and at_once is not None:
        _in_turns(launcher, lines, first, at_once)
    else:
        launcher.launch(lines, initial_job_idx=first)


def _in_turns(launcher: Launcher, lines: Sequence[Sequence[str]], first: int, at_once: int) -> None:
    """submitit's local launcher starts all jobs of a call at once; so one call for each."""
    pool = ThreadPoolExecutor(at_once)
    try:
        jobs = [
            pool.submit(launcher.launch, [line], initial_job_idx=first + number)
            for number, line in enumerate(lines)
        ]
        errors = [error for job in jobs if (error := job.exception()) is not None]
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        _stop_local_jobs()
        raise
    pool.shutdown()
    if errors:
        raise errors[0]


def _stop_local_jobs() -> None:
    """Stop the runs of submitit's local launcher, which would outlive a command that is stopped."""
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if "submitit.local._local" in child.cmdline():
                child.send_signal(signal.SIGINT)  # it passes that on
