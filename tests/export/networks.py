"""Networks and inputs that are exported in tests."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snn.network import SpikingNetwork
from snn.network.layers import LeakyReadout, RecurrentLIF
from snn.neurons import LIFDynamics

INPUTS, UNITS, CLASSES, STEPS = 40, 30, 5, 60
ALPHA, BETA = math.exp(-1 / 5), math.exp(-1 / 20)


def network(
    layers: int = 1, recurrent: bool = True, scaled: bool = False, **dynamics: object
) -> SpikingNetwork:
    """Prompt neurons unless told otherwise, float64, in evaluation mode."""
    settings = LIFDynamics(**{"timing": "prompt", "leak_scaled_input": scaled, **dynamics})
    gain = 12.0 if scaled else 1.0  # so that neurons spike
    hidden = [
        RecurrentLIF(
            UNITS if i else INPUTS,
            UNITS,
            ALPHA,
            BETA,
            settings,
            recurrent=recurrent,
            weight_scale=1.5 * gain,
            recurrent_weight_scale=gain,
        )
        for i in range(layers)
    ]
    readout = LeakyReadout(
        UNITS, CLASSES, ALPHA, BETA, timing=settings.timing, leak_scaled_input=scaled
    )
    return SpikingNetwork(hidden, readout, logit_rule="last").double().eval()


def spikes(batch: int = 8) -> Tensor:
    """Random input, ``[batch, step, unit]``."""
    return (torch.rand(batch, STEPS, INPUTS) < 0.1).double()
