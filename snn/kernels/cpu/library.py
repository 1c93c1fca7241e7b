"""The compiled kernels: find, check and load them; the C structs they are called with.

Each instruction set has a shared library of its own; the baseline one says which set this machine
has. Without a compiler at installation there are none, and every network runs on the einsum
reference.
"""

from __future__ import annotations

import ctypes
import importlib.machinery
import os
from ctypes import POINTER, c_char_p, c_double, c_int64, c_void_p
from pathlib import Path
from typing import NamedTuple

INSTRUCTION_SETS = ("baseline", "avx2", "avx512", "amx")
"""From the plainest to the best; ``SNN_CPU_KERNELS`` names one to use instead of the best."""


def _struct(name: str, integers: str = "", pointers: str = "", order: str = "", doubles: str = ""):
    """A structure class; every field is eight bytes wide, so that there is no padding."""
    kinds = dict.fromkeys(integers.split(), c_int64)
    kinds |= dict.fromkeys(pointers.split(), c_void_p) | dict.fromkeys(doubles.split(), c_double)
    fields = [(field, kinds[field]) for field in order.split()]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


MEANING = 2
"""``kMeaning`` of snn/kernels/cpu/cpp/abi.hpp."""

DONE = 0
(
    UNKNOWN_UNIT,
    UNKNOWN_CODE,
    NO_MEMORY,
    FAILED,
    DAMAGED_ROWS,
    UNKNOWN_SAMPLE,
    UNKNOWN_LABEL,
) = range(1, 8)
"""``Status`` there: what a call of the kernels returns."""

# Mirrors of the structs there; :func:`layout` guards them.
Input = _struct(
    "Input",
    integers="kind units nb_samples nb_events",
    pointers="indptr events index dense",
    doubles="events_per_step",
    order="kind units nb_samples nb_events indptr events index dense events_per_step",
)
Stage = _struct(
    "Stage",
    integers="kind units nb_taps surrogate lag keep mask_steps",
    doubles="threshold scale",
    pointers="neuron recurrent rows initial taps mask kept spikes counts dense_spikes grad_counts "
    "grad_dense grad_recurrent grad_rows grad_taps grad_drive",
    order="kind units neuron recurrent rows initial taps nb_taps threshold scale surrogate lag "
    "keep mask mask_steps kept spikes counts dense_spikes grad_counts grad_dense grad_recurrent "
    "grad_rows grad_taps grad_drive",
)
Readout = _struct(
    "Readout",
    integers="classes",
    pointers="alpha beta gain trace grad_trace logits argmax",
    order="classes alpha beta gain trace grad_trace logits argmax",
)
Loss = _struct(
    "Loss",
    pointers="labels sample_weight nll spikes",
    doubles="spike_rate smoothing",
    order="labels sample_weight nll spikes spike_rate smoothing",
)


class Problem(ctypes.Structure):
    """Everything about one call."""

    _fields_ = (
        ("batch", c_int64),
        ("steps", c_int64),
        ("threads", c_int64),
        ("input", Input),
        ("nb_stages", c_int64),
        ("stages", POINTER(Stage)),
        ("weights", POINTER(c_void_p)),
        ("grad_weights", POINTER(c_void_p)),
        ("readout", POINTER(Readout)),
        ("loss", POINTER(Loss)),
    )


class Library(NamedTuple):
    """Loaded kernels."""

    name: str
    """Instruction set, one of :data:`INSTRUCTION_SETS`."""
    vector_bytes: int
    """Rows of traces are padded to a multiple of this."""
    functions: dict[int, ctypes._CFuncPtr]
    """``(problem, mode) -> status`` by the size of a number in bytes."""
    find_neuron: ctypes._CFuncPtr
    """``(key, size of a number) -> address`` of the functions of an installed neuron, or None."""
    arrive: dict[int, ctypes._CFuncPtr]
    """Delays on the way into a layer, by the size of a number; see arrival.hpp."""
    arrive_backward: dict[int, ctypes._CFuncPtr]


def _open(name: str) -> ctypes.CDLL | None:
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = Path(__file__).parent / f"_{name}{suffix}"
        if path.exists():
            return ctypes.CDLL(str(path))
    return None


def layout() -> str:
    """What ``snn::layout`` of snn/kernels/cpu/cpp/layout.hpp says if the library fits the mirrors.

    A line for each struct, ``name size field:kindsize@offset ...``, and the meaning's version.
    """
    lines = []
    for mirror in (Input, Stage, Readout, Loss, Problem):
        fields = []
        for name, kind in mirror._fields_:
            place = getattr(mirror, name)
            fields.append(f"{name}:{_KINDS.get(kind, 'p')}{place.size}@{place.offset}")
        lines.append(" ".join([mirror.__name__, str(ctypes.sizeof(mirror)), *fields]))
    return "\n".join([*lines, f"meaning {MEANING}"])


_KINDS = {c_int64: "i", c_double: "d", Input: "s"}  # all else is a pointer


def _bind(name: str, dll: ctypes.CDLL) -> Library:
    """Check and describe a library.

    Raises:
        OSError: its structs are not laid out as the mirrors are.
    """
    dll.snn_describe.restype, dll.snn_vector_bytes.restype = c_char_p, c_int64
    found, expected = dll.snn_describe().decode(), layout()
    if found != expected:
        differing = set(found.split()) ^ set(expected.split())
        raise OSError(
            f"the {name} kernels were built from other sources (they differ in "
            f"{', '.join(sorted(differing)[:4])}); install the package anew"
        )
    functions = {4: dll.snn_run_f32, 8: dll.snn_run_f64}
    for function in functions.values():
        function.argtypes, function.restype = (POINTER(Problem), c_int64), ctypes.c_int
    arrive = {4: dll.snn_arrive_f32, 8: dll.snn_arrive_f64}
    backward = {4: dll.snn_arrive_backward_f32, 8: dll.snn_arrive_backward_f64}
    for function in (*arrive.values(), *backward.values()):
        function.restype = None
    neurons = bind_neurons(dll)
    return Library(name, dll.snn_vector_bytes(), functions, neurons, arrive, backward)


def bind_neurons(dll: ctypes.CDLL) -> ctypes._CFuncPtr:
    """``snn_neuron`` of a library with neurons: ``(key, size of a number) -> address or None``."""
    dll.snn_neuron.argtypes, dll.snn_neuron.restype = (c_char_p, c_int64), c_void_p
    return dll.snn_neuron


_loads: dict[str | None, Library | str] = {}


def load(wanted: str | None = None) -> Library | str:
    """The kernels for this machine, or the reason why there are none; looked for once.

    Args:
        wanted: an instruction set; None takes ``SNN_CPU_KERNELS`` or the best that was built.
    """
    if wanted not in _loads:  # a dictionary: torch.compile does not see through functools.cache
        _loads[wanted] = _find(wanted or os.environ.get("SNN_CPU_KERNELS"))
    return _loads[wanted]


def _find(wanted: str | None) -> Library | str:
    if wanted and wanted not in INSTRUCTION_SETS:
        return f"SNN_CPU_KERNELS={wanted!r}: must be one of {', '.join(INSTRUCTION_SETS)}"
    try:
        baseline = _open("baseline")
        if baseline is None:
            return "the CPU kernels are not built (no C++ compiler when snn was installed)"
        best = baseline.snn_instruction_set()
        if wanted and INSTRUCTION_SETS.index(wanted) > best:
            return f"this machine does not have the instruction set {wanted}"
        for name in [wanted] if wanted else INSTRUCTION_SETS[best::-1]:
            dll = _open(name)
            if dll is not None:
                return _bind(name, dll)
        return f"the {wanted} kernels are not built"
    except OSError as error:
        return f"the CPU kernels cannot be loaded: {error}"
    except AttributeError as error:  # a function is missing
        return f"the CPU kernels were built from other sources ({error}); install the package anew"


def loaded() -> Library:
    """The kernels for this machine.

    Raises:
        RuntimeError: there are none, with the reason.
    """
    kernels = load()
    if not isinstance(kernels, Library):
        raise RuntimeError(kernels)
    return kernels


def available() -> bool:
    """Whether the compiled CPU kernels can be used here."""
    return isinstance(load(), Library)
