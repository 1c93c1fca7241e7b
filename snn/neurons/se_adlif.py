r"""Adaptive LIF, discretised by the symplectic Euler method (SE-adLIF).

.. math::
    u(t) &= \alpha\,U(t-1) + (1 - \alpha)\,(h(t) - w(t-1)) \\
    z(t) &= \Theta(u(t) - \vartheta) \\
    U(t) &= u(t)\,(1 - z(t)) \\
    w(t) &= \rho\,w(t-1) + (1 - \rho)\,q\,(a\,U(t) + b\,z(t))

Baronig, Ferrand, Sabathiel & Legenstein 2024, arXiv:2408.07517. The adaptation :math:`w` follows
potential and spikes and pulls against the drive, so that a neuron can oscillate and resonate with
its input. Fed by the *new* potential, as here, the discrete neuron stays stable wherever the
continuous one is; ``form="euler"`` takes those of the step before, as most earlier work does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from snn.neurons.declaration import Neuron, Parameter, State


@dataclass(frozen=True)
class SEAdLIF(Neuron):
    """Adaptive LIF with one membrane and one adaptation variable.

    Attributes:
        form: ``symplectic``, or plain ``euler``.
        detach_reset: keep the reset out of the gradient; the adaptation's use of the spike stays.
    """

    form: Literal["symplectic", "euler"] = "symplectic"
    detach_reset: bool = False

    u = State(0.0, "membrane potential")
    w = State(0.0, "adaptation")
    alpha = Parameter((5.0, 25.0), 5.0, 25.0, "neuron", unit="ms", meaning="membrane time constant")
    rho = Parameter(
        (60.0, 300.0), 60.0, 300.0, "neuron", unit="ms", meaning="adaptation time constant"
    )
    a = Parameter((0.0, 1.0), 0.0, 1.0, "neuron", meaning="adaptation to the potential")
    b = Parameter((0.0, 2.0), 0.0, 2.0, "neuron", meaning="adaptation to spikes")
    q = Parameter(120.0, low=0.0, meaning="gain of the adaptation")

    def step(self, s, h, p):
        u = p.alpha * s.u + (1 - p.alpha) * (h - s.w)

        def after(z):
            u_new = u * (1 - (z.detach() if self.detach_reset else z))
            followed = u_new if self.form == "symplectic" else s.u
            w = p.rho * s.w + (1 - p.rho) * p.q * (p.a * followed + p.b * z)
            return {"u": u_new, "w": w}

        return u, after
