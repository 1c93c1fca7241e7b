"""What a run took and its network takes: spikes, operations, energy, read from its record."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from snn.analysis.records import Run

# Share of the training that counters must have covered for its energy to be shown.
COVERED = 0.95
# Where activity is read from: what is chosen by comes before what is reported once.
MEASURED = ("val", "test", "train")


def number_of(value: object) -> float:
    """A finite number of a record; NaN for anything else."""
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usable and isfinite(value) else np.nan


def spikes(run: Run, weights: str) -> float:
    """Spikes of all hidden layers per sample, of the validation part if there is one."""
    for split in MEASURED:
        prefix, end = f"metrics.{weights}.{split}.hidden", "/spikes_per_sample"
        found = [v for k, v in run.result.items() if k.startswith(prefix) and k.endswith(end)]
        if found:
            return float(np.sum([number_of(v) for v in found]))
    return np.nan


def synaptic_operations(run: Run, weights: str) -> float:
    """Synaptic operations per sample, of the same part."""
    keys = [f"metrics.{weights}.{split}.synops_per_sample" for split in MEASURED]
    found = next((run.result[key] for key in keys if key in run.result), None)
    return number_of(found)


def training_joules(run: Run) -> float:
    """Energy of a run's training, if all of it was counted."""
    covered = number_of(run.result.get("energy.training.seconds"))
    whole = covered >= COVERED * number_of(run.result.get("fit_seconds"))
    return number_of(run.result.get("energy.training.joules")) if whole else np.nan


def energy_source(runs: Sequence[Run]) -> str:
    """``measured``, ``estimated``, ``none``, or the sources of runs that differ in it."""
    found = {str(run.result.get("energy.source") or "none") for run in runs}
    if len(found) == 1:
        return found.pop()
    named = " and ".join(sorted(found - {"none"}, reverse=True))
    return f"{named}, not in all runs" if "none" in found else named


def operations(run: Run, weights: str, kind: str) -> float:
    """Effective ``macs`` or ``acs`` per sample, as NeuroBench counts them."""
    keys = [f"metrics.{weights}.{split}.neurobench/effective_{kind}" for split in MEASURED]
    return number_of(next((run.result[key] for key in keys if key in run.result), None))
