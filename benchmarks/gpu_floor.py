"""What no training step can be faster than: measured rates of the machine, applied to its sizes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from benchmarks.workloads import Workload
from snn.neurons import LIFDynamics


def _best(function, device: torch.device, inner: int, repeats: int = 5) -> float:
    """Seconds of a call, the best of some turns."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    function()
    times = []
    for _ in range(repeats):
        wait()
        start = time.perf_counter()
        for _ in range(inner):
            function()
        wait()
        times.append((time.perf_counter() - start) / inner)
    return min(times)


@dataclass
class Floor:
    """Rates of a device.

    Attributes:
        bandwidth: bytes per second of a copy, read and written.
        multiply_adds: per second of a product in float32, without TF32.
        launch: seconds of one small operation among many.
        step: seconds of a time step of our LIF kernel, forward, of a network so small that
            nothing but latency counts.
    """

    bandwidth: float
    multiply_adds: float
    launch: float
    step: float

    @classmethod
    def measure(cls, device: torch.device, small: bool = False) -> Floor:
        """Takes a few seconds."""
        size = 2**12 if small else 2**28
        source, target = torch.randn(2, size, device=device)
        copy = _best(lambda: target.copy_(source), device, 10)
        side = 64 if small else 8192
        a, b = torch.randn(2, side, side, device=device)
        product = _best(lambda: a @ b, device, 3)
        x = torch.zeros(8, device=device)
        launch = _best(lambda: x.add_(1.0), device, 1000)
        return cls(8 * size / copy, side**3 / product, launch, cls._step(device, small))

    @staticmethod
    def _step(device: torch.device, small: bool) -> float:
        from snn import kernels

        short, long = (4, 8) if small else (500, 2500)
        weight, square = torch.randn(4, 32, device=device), torch.randn(32, 32, device=device)

        def run(steps: int) -> float:
            x = torch.zeros(1, steps, 4, device=device)
            call = (x, weight, square, 0.8, 0.9, LIFDynamics())
            with torch.no_grad():
                return _best(
                    lambda: kernels.lif_layer(*call, backend="gpu"), device, 1 if small else 5
                )

        return max(run(long) - run(short), 0.0) / (long - short)

    def describe(self) -> str:
        """The rates in words."""
        return (
            f"Copy {self.bandwidth / 1e12:.2f} TB/s; float32 products "
            f"{self.multiply_adds / 1e12:.1f} T multiply-adds per second; a launch "
            f"{1e6 * self.launch:.1f} us; a time step of the smallest LIF kernel "
            f"{1e6 * self.step:.2f} us."
        )

    def of(self, w: Workload) -> str:
        """The floor of a training step of this size."""
        cells = w.batch * w.steps * w.hidden
        # drive, spikes, potentials out and in, their adjoints in and out, each once
        memory = 4 * cells * 8 / self.bandwidth
        # recurrence and readout: forward, adjoint, weight gradient
        products = 3 * cells * (w.hidden + w.classes) / self.multiply_adds
        latency = 2 * w.steps * self.step
        return (
            f"Floor: memory {1e3 * memory:.3f} ms, dense products {1e3 * products:.3f} ms, latency "
            f"of the time loops {1e3 * latency:.3f} ms."
        )
