"""Layers that own weights, and the network they make up."""

from snn.network.spiking import Backend, SpikingNetwork
from snn.network.trace import NetworkOutput, NetworkState, Trace

__all__ = ["Backend", "NetworkOutput", "NetworkState", "SpikingNetwork", "Trace"]
