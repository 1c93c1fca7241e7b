"""Spiking layers as event-driven kernels, for the CPU in C++ and for the GPU in Triton.

The functions here are those of :mod:`snn.kernels.api`. They compute what :mod:`snn.neurons`
computes, with the same spikes and gradients, and take the same arguments and give the same results
wherever the tensors are.
"""

from snn.kernels.api import (
    EncoderParameters,
    LIFParameters,
    NeuronParameters,
    ReadoutParameters,
    StepOutput,
    available,
    delayed,
    description,
    encoder_layer,
    lif_layer,
    network,
    neuron_layer,
    neuron_obstacle,
    obstacle,
    training_step,
)

__all__ = [
    "EncoderParameters",
    "LIFParameters",
    "NeuronParameters",
    "ReadoutParameters",
    "StepOutput",
    "available",
    "delayed",
    "description",
    "encoder_layer",
    "lif_layer",
    "network",
    "neuron_layer",
    "neuron_obstacle",
    "obstacle",
    "training_step",
]
