"""Pure functions of spiking layers: state goes in and comes out, nothing is kept.

This is the readable reference. Faster backends are tested against it, gradients included.
"""

from snn.functional.encoder import EncoderState, current_encoder
from snn.functional.lif import LIFDynamics, LIFState, lif
from snn.functional.readout import LOGIT_RULES, LogitRule, ReadoutState, leaky_readout, logits

__all__ = [
    "LOGIT_RULES",
    "EncoderState",
    "LIFDynamics",
    "LIFState",
    "LogitRule",
    "ReadoutState",
    "current_encoder",
    "leaky_readout",
    "lif",
    "logits",
]
