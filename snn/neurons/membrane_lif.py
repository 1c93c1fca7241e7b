r"""LIF without a synaptic current: the drive charges the membrane itself.

.. math::
    S(t)   &= \Theta(U(t) - \vartheta) \\
    U(t+1) &= (\beta\,U(t) + (1 - \beta)\,h(t))\,(1 - S(t)) \quad\text{or}\quad
              \beta\,U(t) + (1 - \beta)\,h(t) - \vartheta\,S(t)

The plainest spiking neuron, one state, and the usual baseline (Neftci, Mostafa & Zenke 2019, IEEE
Signal Process. Mag. 36:51). The reset is that of the current-based LIF.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snn.neurons.declaration import Neuron, Parameter, State


@dataclass(frozen=True)
class LIF(Neuron):
    """Leaky integrate-and-fire neuron with one state.

    Attributes:
        reset: ``zero`` sets the potential to 0 after a spike, ``subtract`` lowers it by threshold.
        detach_reset: keep the reset out of the gradient.
        leak_scaled_input: scale the drive by ``1 - beta``.
    """

    reset: Literal["zero", "subtract"] = "zero"
    detach_reset: bool = True
    leak_scaled_input: bool = True

    u = State(0.0, "membrane potential")
    beta = Parameter(10.0, 0.0, keep="logit", unit="ms", meaning="membrane time constant")

    def step(self, s, h, p):
        def after(z):
            z = z.detach() if self.detach_reset else z
            u = p.beta * s.u + ((1 - p.beta) * h if self.leak_scaled_input else h)
            return {"u": u * (1 - z) if self.reset == "zero" else u - p.threshold * z}

        return s.u, after
