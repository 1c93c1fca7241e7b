"""Whether the runs of a sweep have room in this machine's memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psutil
from hydra.utils import get_object

from snn.errors import SnnError
from snn.kernels import surrogates
from snn.kernels.cpu import library

# Of a process that has trained a network of negligible size.
PROCESS_MIB = 450
# Numbers kept per sample, step and unit between the passes.
KEPT_BY_EINSUM, KEPT_BY_KERNELS = 10, 3


def estimated_mib(config: Mapping[str, Any]) -> float:
    """Memory of this machine that training needs at most, but for the data set itself, in MiB.

    The process, and what the passes of one batch keep in float32: with the einsum layer its dense
    input and ten numbers for each hidden unit, step and sample; with the kernels three. On a GPU
    the passes use its own.
    """
    if config["trainer"].get("accelerator") in ("cuda", "gpu"):
        return PROCESS_MIB
    data, model = config["data"], config["model"]
    hidden = model.get("nb_hidden", 0)
    units = sum(hidden) if isinstance(hidden, list) else hidden
    inputs = data.get("nb_units") or getattr(get_object(data["_target_"]), "nb_units", None) or 0
    dense = (
        model.get("backend") == "einsum"
        or not isinstance(library.load(), library.Library)
        or surrogates.obstacle([model.get("surrogate", surrogates.COMPILED[0])])
    )
    numbers = inputs + KEPT_BY_EINSUM * units if dense else KEPT_BY_KERNELS * units
    return PROCESS_MIB + 4 * data["batch_size"] * data.get("nb_steps", 0) * numbers / 2**20


def check_memory(config: Mapping[str, Any], jobs: int) -> None:
    """Refuse a run that cannot fit.

    Args:
        config: resolved and checked.
        jobs: runs beside each other on this machine.

    Raises:
        SnnError: they need more than the machine has.
    """
    needed = estimated_mib(config)
    there = psutil.virtual_memory().total / 2**20
    if needed * jobs > there:
        beside = f", {jobs} runs beside each other" if jobs > 1 else ""
        raise SnnError(
            f"about {needed:,.0f} MiB are needed{beside}, of {there:,.0f} MiB that this machine "
            "has: make data.batch_size, data.nb_steps or model.nb_hidden smaller, or run fewer at "
            "a time (hydra.launcher.n_jobs)"
        )
