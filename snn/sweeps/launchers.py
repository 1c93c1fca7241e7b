"""What differs between Hydra's launchers for the runs that they start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any


def parallel_jobs(launcher: Mapping[str, Any]) -> int | None:
    """How many points a launcher runs beside each other on this machine; None if elsewhere.

    Args:
        launcher: its configuration.
    """
    if launcher["_target_"].endswith(".BasicLauncher"):
        return 1
    if "n_jobs" in launcher:  # joblib: -1 is all cores, -2 all but one
        asked = launcher["n_jobs"] or 1
        return max(1, available_cores() + 1 + asked) if asked < 0 else asked
    if launcher["_target_"].endswith(".LocalLauncher"):
        return max(1, available_cores() // (launcher.get("cpus_per_task") or 1))
    return None


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_of_job(launcher: Mapping[str, Any]) -> int | None:
    """Threads of a run that this process is about to start; None: as many as torch takes."""
    if launcher["_target_"].endswith(".SlurmLauncher"):
        # Not every cluster confines a job to its cores, so torch may see all of the machine's.
        cores = os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE")
        return int(cores) if cores else None
    jobs = parallel_jobs(launcher)
    return None if jobs is None or jobs == 1 else max(1, available_cores() // jobs)


def has_own_process(launcher: Mapping[str, Any]) -> bool:
    """Whether a launcher starts a process for every run."""
    return "submitit" in launcher["_target_"]
