"""Event-driven C++ kernels for the CPU; :mod:`snn.neurons` is their reference."""
