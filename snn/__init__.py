"""Surrogate-gradient spiking neural networks: train, sweep, compare."""

__version__ = "0.1.0"
