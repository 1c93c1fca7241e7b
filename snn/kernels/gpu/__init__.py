"""Kernels for the GPU, in Triton; :mod:`snn.neurons` is their reference.

Importing this package does not import Triton: :func:`obstacle` says whether it can be used.
"""

from snn.kernels.gpu.availability import description, interpreted, neuron_obstacle, obstacle

__all__ = ["description", "interpreted", "neuron_obstacle", "obstacle"]
