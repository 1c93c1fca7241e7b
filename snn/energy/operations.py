"""Energy of arithmetic, by the usual figures for a 45 nm process.

A 32-bit floating-point multiplication takes 3.7 pJ and an addition 0.9 pJ (Horowitz 2014, ISSCC,
fig. 1.1.9), so that a multiply-accumulate (MAC) takes 4.6 pJ and an accumulate (AC) 0.9 pJ. Papers
on spiking networks compare by these, and are criticised for it: fetching weights and states from
memory takes more than the arithmetic, and is left out. With it, a spiking network pays off below
about 6 % of spikes per neuron and step only (Yan et al. 2024, arXiv:2409.08290: 6.4 % in its second
version, 5.7 % in its fourth, of 5 to 10 steps, against quantised networks).
"""

from __future__ import annotations

PICO = 1e-12
MAC_PICOJOULES = 4.6
AC_PICOJOULES = 0.9
PAYS_BELOW = 0.06
"""Spikes per neuron and step below which a spiking network pays off, memory traffic included."""

CRITICISM = (
    f"Estimated energy is that of arithmetic alone, {MAC_PICOJOULES} pJ per MAC and "
    f"{AC_PICOJOULES} pJ per AC (45 nm, 32-bit floating point; Horowitz 2014). Memory traffic, "
    "which takes more, is left out, and so are decays, activation functions and an encoder's own "
    "arithmetic. With memory traffic counted, a spiking network pays off only below about "
    f"{PAYS_BELOW:.0%} spikes per neuron and step (Yan et al. 2024, arXiv:2409.08290)."
)


def operations_joules(macs: float, acs: float) -> float:
    """Joules of so many multiply-accumulates and accumulates, memory left out."""
    return PICO * (MAC_PICOJOULES * macs + AC_PICOJOULES * acs)
