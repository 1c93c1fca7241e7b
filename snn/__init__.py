"""Surrogate-gradient spiking neural networks: train, sweep, compare."""

from snn import moved

__version__ = "0.1.0"

moved.install()
