r"""Current-based LIF, declared: the equations of :mod:`snn.neurons.lif`, for one neuron and step.

.. math::
    S(t)   &= \Theta(U(t) - \vartheta) \\
    U(t+1) &= (\beta\,U(t) + g\,I(t))\,(1 - S(t)) \quad\text{or}\quad
              \beta\,U(t) + g\,I(t) - \vartheta\,S(t) \\
    I(t+1) &= \alpha\,I(t) + h(t)

Thesis eq. 5-10, SpyTorch (Zenke & Halvagal, tutorial 4). A spike acts on the potential of a target
two steps after it has arrived, which lets the kernels take three steps in one product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snn.neurons.declaration import Neuron, Parameter, State


@dataclass(frozen=True)
class CubaLIF(Neuron):
    """Current-based LIF in SpyTorch's timing.

    Attributes:
        reset: ``zero`` sets the potential to 0 after a spike, ``subtract`` lowers it by threshold.
        detach_reset: keep the reset out of the gradient.
        leak_scaled_input: scale the synaptic current by ``1 - beta``.
    """

    reset: Literal["zero", "subtract"] = "zero"
    detach_reset: bool = True
    leak_scaled_input: bool = False

    u = State(0.0, "membrane potential")
    i = State(0.0, "synaptic current")
    alpha = Parameter(5.0, low=0.0, keep="logit", unit="ms", meaning="synaptic time constant")
    beta = Parameter(10.0, low=0.0, keep="logit", unit="ms", meaning="membrane time constant")

    def step(self, s, h, p):
        def after(z):
            z = z.detach() if self.detach_reset else z
            u = p.beta * s.u + ((1 - p.beta) * s.i if self.leak_scaled_input else s.i)
            u = u * (1 - z) if self.reset == "zero" else u - p.threshold * z
            return {"u": u, "i": p.alpha * s.i + h}

        return s.u, after
