"""NVML: the energy counters of NVIDIA's GPUs, through the package ``nvidia-ml-py``.

``nvmlDeviceGetTotalEnergyConsumption`` gives millijoules since the driver was loaded, from Volta
on. Where a GPU has none, its power (``nvmlDeviceGetPowerUsage``, milliwatts) is sampled and
integrated by the trapezoidal rule. Both are those of the whole board, whatever else runs on it.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from snn.energy.counter import Counter, Unreadable

MILLI = 1e-3


class _Total:
    """The counter of a GPU."""

    def __init__(self, library: Any, handle: Any) -> None:
        self._read = lambda: library.nvmlDeviceGetTotalEnergyConsumption(handle)
        self.start = self.last = self._read()

    def joules(self) -> float:
        now = self._read()
        if now < self.last:
            raise Unreadable("the counter fell: the driver was loaded anew")
        self.last = now
        return MILLI * (now - self.start)


class _Integral:
    """Power of a GPU, integrated from one reading to the next."""

    def __init__(self, library: Any, handle: Any, clock: Callable[[], float]) -> None:
        self._read = lambda: MILLI * library.nvmlDeviceGetPowerUsage(handle)
        self._clock = clock
        self.time, self.watts, self.total = clock(), self._read(), 0.0

    def joules(self) -> float:
        now, watts = self._clock(), self._read()
        self.total += (now - self.time) * (watts + self.watts) / 2
        self.time, self.watts = now, watts
        return self.total


class Nvml(Counter):
    """The GPUs that a run computes on.

    Args:
        sample_seconds: time between two samples of the power of a GPU without a counter.
    """

    resolution_seconds = 0.02  # most update every 20 to 100 ms

    def __init__(self, sample_seconds: float = 0.1) -> None:
        self.sample_seconds = sample_seconds
        self._clock = time.monotonic
        self._library: Any = None
        self._gpus: list[_Total | _Integral] = []

    def open(self, gpus: Sequence[str]) -> None:
        if not gpus:
            raise Unreadable("the run computes on no GPU")
        try:
            library = importlib.import_module("pynvml")
        except ImportError:
            raise Unreadable("pynvml is not installed: pip install 'snn[energy]'") from None
        try:
            library.nvmlInit()
        except library.NVMLError as error:
            raise Unreadable(str(error)) from None
        self._library = library
        try:
            handles = [library.nvmlDeviceGetHandleByUUID(uuid) for uuid in gpus]
            self._gpus = [self._counter(handle) for handle in handles]
        except library.NVMLError as error:
            self.close()
            raise Unreadable(str(error)) from None
        sampled = any(isinstance(gpu, _Integral) for gpu in self._gpus)
        self.poll_seconds = self.sample_seconds if sampled else None
        how = f"power sampled every {self.sample_seconds:g} s" if sampled else "energy counter"
        self.scope = f"{', '.join(gpus)}: {how} of the whole board"

    def _counter(self, handle: Any) -> _Total | _Integral:
        try:
            return _Total(self._library, handle)
        except self._library.NVMLError:  # not supported by this one
            return _Integral(self._library, handle, self._clock)

    def joules(self) -> float:
        try:
            return sum(gpu.joules() for gpu in self._gpus)
        except self._library.NVMLError as error:
            raise Unreadable(str(error)) from None

    def close(self) -> None:
        if self._library is not None:
            self._library.nvmlShutdown()
        self._library, self._gpus = None, []
