"""Compiled, event-driven kernels for the CPU; :mod:`snn.functional` is their reference."""

from snn.kernels.library import available

__all__ = ["available"]
