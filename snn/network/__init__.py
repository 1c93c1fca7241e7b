"""Layers that own weights, and the network they make up."""

from snn.network.spiking import Backend, NetworkOutput, NetworkState, SpikingNetwork, Trace

__all__ = ["Backend", "NetworkOutput", "NetworkState", "SpikingNetwork", "Trace"]
