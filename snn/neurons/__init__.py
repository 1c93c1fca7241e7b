"""Equations of neurons as pure functions: state goes in and comes out, nothing is kept.

Start with :mod:`snn.neurons.lif`, the readable einsum layer. Faster kernels are tested against
these functions, gradients included.
"""

from snn.neurons.current_encoder import EncoderState, current_encoder
from snn.neurons.lif import LIFDynamics, LIFState, Timing, lif
from snn.neurons.readout import (
    LOGIT_RULES,
    LogitRule,
    ReadoutState,
    decision_step,
    leaky_readout,
    logits,
    running_logits,
)

__all__ = [
    "LOGIT_RULES",
    "EncoderState",
    "LIFDynamics",
    "LIFState",
    "LogitRule",
    "ReadoutState",
    "Timing",
    "current_encoder",
    "decision_step",
    "leaky_readout",
    "lif",
    "logits",
    "running_logits",
]
