r"""Recurrent adaptive LIF in the form of sparch (RadLIF).

.. math::
    w(t) &= \rho\,w(t-1) + a\,u(t-1) + b\,s(t-1) \\
    u(t) &= \alpha\,(u(t-1) - \vartheta\,s(t-1)) + (1 - \alpha)\,(h(t) - w(t)) \\
    s(t) &= \Theta(u(t) - \vartheta)

Bittar & Garner 2022, Front. Neurosci. 16:865897; their threshold is 1. All four parameters differ
from neuron to neuron, are learned and kept in their ranges. Adaptation makes a neuron that fires
fire less, and with negative :math:`a` lets it resonate. sparch draws the states at the start of
every sequence at random; here a sequence starts from rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

from snn.neurons.declaration import Neuron, Parameter, State


@dataclass(frozen=True)
class RadLIF(Neuron):
    """Adaptive LIF whose spike acts on its own states one step later.

    Attributes:
        detach_reset: keep the reset out of the gradient; the adaptation's use of the spike stays.
    """

    detach_reset: bool = False

    u = State(0.0, "membrane potential")
    w = State(0.0, "adaptation")
    s = State(0.0, "spike of the step before")
    alpha = Parameter(
        (exp(-1 / 5), exp(-1 / 25)), exp(-1 / 5), exp(-1 / 25), "neuron", meaning="membrane decay"
    )
    rho = Parameter(
        (exp(-1 / 30), exp(-1 / 120)),
        exp(-1 / 30),
        exp(-1 / 120),
        "neuron",
        meaning="adaptation decay",
    )
    a = Parameter((-1.0, 1.0), -1.0, 1.0, "neuron", meaning="adaptation to the potential")
    b = Parameter((0.0, 2.0), 0.0, 2.0, "neuron", meaning="adaptation to spikes")

    def step(self, s, h, p):
        w = p.rho * s.w + p.a * s.u + p.b * s.s
        reset = s.s.detach() if self.detach_reset else s.s
        u = p.alpha * (s.u - p.threshold * reset) + (1 - p.alpha) * (h - w)
        return u, lambda z: {"u": u, "w": w, "s": z}
