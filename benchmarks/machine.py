"""What was measured on, and whether it was quiet."""

from __future__ import annotations

import os
import platform
import time
from datetime import date
from pathlib import Path

import torch

from snn.kernels.cpu import library

DISTURBED = 0.05
"""Share of the machine's time that other processes may take before a result says so."""


class Quiet:
    """Share of the machine that other processes took, from /proc/stat; nan without it."""

    def __enter__(self) -> Quiet:
        self.start = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        busy, own, wall = (b - a for a, b in zip(self.start, self._read(), strict=True))
        self.others = max(0.0, busy - own) / (wall * os.cpu_count())

    def __str__(self) -> str:
        disturbed = " (disturbed)" if self.others > DISTURBED else ""
        return f"others took {self.others:.0%} of the machine{disturbed}"

    @staticmethod
    def _read() -> tuple[float, float, float]:
        """Busy seconds of all processors, of this process, and of the clock."""
        stat, busy = Path("/proc/stat"), float("nan")
        if stat.exists():
            fields = [int(field) for field in stat.read_text().splitlines()[0].split()[1:9]]
            user, nice, system, _idle, _iowait, irq, softirq, steal = fields
            ticks = user + nice + system + irq + softirq + steal
            busy = ticks / os.sysconf("SC_CLK_TCK")
        return busy, time.process_time(), time.perf_counter()


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def description() -> str:
    """Date, processor, kernels and PyTorch."""
    return (
        f"{date.today()}, {processor()}, {os.cpu_count()} cores, kernels: {library.loaded().name}, "
        f"PyTorch {torch.__version__}"
    )
