"""Step functions timed in turn, so that a disturbance meets all of them alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np

from benchmarks.contenders import CONTENDERS, Step
from benchmarks.machine import Quiet
from benchmarks.workloads import Problem

Key = TypeVar("Key", bound=Hashable)
LIBRARIES = ("norse", "snntorch", "spikingjelly")
OURS = "cpu_fused"


def steps_of(names: list[str], problem: Problem) -> dict[str, Step]:
    """A step function of each contender that is installed and can run, after its first step."""
    steps = {}
    for name in names:
        try:
            steps[name] = CONTENDERS[name](problem)
        except ImportError as error:
            print(f"{name} left out: {error}", file=sys.stderr)
        else:
            steps[name]()
    return steps


def interleaved(steps: Mapping[Key, Step], repeats: int) -> tuple[dict[Key, np.ndarray], Quiet]:
    """Milliseconds of each step ``[repeat]``, and how quiet the machine was."""
    times: dict[Key, list[float]] = {key: [] for key in steps}
    with Quiet() as quiet:
        for _ in range(repeats):
            for key, step in steps.items():
                start = time.perf_counter()
                step()
                times[key].append(1e3 * (time.perf_counter() - start))
    return {key: np.array(values) for key, values in times.items()}, quiet


def best_library(medians: Mapping[str, float]) -> str | None:
    """The fastest of the other libraries that took part."""
    return min((name for name in LIBRARIES if name in medians), key=medians.get, default=None)
