"""How a neuron is declared, and what follows from its declaration without PyTorch."""

from snn.neurons.declaration.neuron import DeclarationError, Neuron, Parameter, State, Values

__all__ = ["DeclarationError", "Neuron", "Parameter", "State", "Values"]
