"""A neuron in Triton: a module with its kernels.

One program takes a block of samples through all time steps, and as many of them with one product
with the recurrent weights as the neuron's latency allows. Layouts are those of
:mod:`snn.kernels.gpu.forward`. ``forward`` and ``backward`` are for spikes that take a step to
their own layer, ``forward_current`` and ``backward_current`` for those that take none.
"""

from __future__ import annotations

from snn.kernels.written.cpp import key
from snn.kernels.written.triton_backward import backward
from snn.kernels.written.triton_forward import forward
from snn.kernels.written.triton_parts import shapes
from snn.neurons.declaration.program import Program


def source(program: Program) -> str:
    """The text of the module."""
    return _HEAD.format(
        key=key(program),
        kernels="\n\n".join(
            write(program, f"{name}{ending}", shape)
            for ending, shape in shapes(program).items()
            for name, write in (("forward", forward), ("backward", backward))
        ),
        name=type(program.neuron).__name__,
    )


_HEAD = '''"""{name} in Triton, written out from its declaration."""

import triton
import triton.language as tl

from snn.kernels.gpu.tools import load_matrix, products, spikes, surrogate_derivative

KEY = "{key}"


{kernels}'''
