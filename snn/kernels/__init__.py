"""Compiled, event-driven kernels for the CPU; :mod:`snn.neurons` is their reference."""

from snn.kernels.cpu.library import available

__all__ = ["available"]
