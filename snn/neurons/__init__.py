"""Equations of neurons as pure functions: state goes in and comes out, nothing is kept.

Start with :mod:`snn.neurons.lif`, the readable einsum layer. Faster kernels are tested against
these functions, gradients included. Neurons of other equations are declared, one file each
(:mod:`snn.neurons.se_adlif`, ...): :mod:`snn.neurons.layer` runs them over time, and their kernels
are generated.
"""

from snn.neurons.cuba_lif import CubaLIF
from snn.neurons.current_encoder import EncoderState, current_encoder
from snn.neurons.declaration import DeclarationError, Neuron, Parameter, State
from snn.neurons.layer import LayerState, neuron_layer
from snn.neurons.lif import LIFDynamics, LIFState, Timing, lif
from snn.neurons.membrane_lif import LIF
from snn.neurons.radlif import RadLIF
from snn.neurons.readout import (
    LOGIT_RULES,
    LogitRule,
    ReadoutState,
    decision_step,
    leaky_readout,
    logits,
    running_logits,
)
from snn.neurons.se_adlif import SEAdLIF

__all__ = [
    "LIF",
    "LOGIT_RULES",
    "CubaLIF",
    "DeclarationError",
    "EncoderState",
    "LIFDynamics",
    "LIFState",
    "LayerState",
    "LogitRule",
    "Neuron",
    "Parameter",
    "RadLIF",
    "ReadoutState",
    "SEAdLIF",
    "State",
    "Timing",
    "current_encoder",
    "decision_step",
    "leaky_readout",
    "lif",
    "logits",
    "neuron_layer",
    "running_logits",
]
