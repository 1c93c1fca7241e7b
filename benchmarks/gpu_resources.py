"""Compile the GPU kernels without a GPU and print what each needs of a multiprocessor.

    python -m benchmarks.gpu_resources
    python -m benchmarks.gpu_resources --arch 80 90 --hidden 100 200 --dtypes float64

Triton brings its own LLVM and ptxas. The launches of a forward and a backward pass are gone
through with tensors on the CPU and nothing is run, so that each kernel is compiled for the very
arguments that it would get. Local memory means that registers were spilled; what costs time is
spilled in a loop, step by step.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

os.environ["TRITON_INTERPRET"] = "0"  # read when kernels are defined, below

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia import __file__ as nvidia
from triton.runtime.driver import driver
from triton.runtime.jit import JITFunction

from snn.events import EventBatch, EventStore
from snn.kernels import EncoderParameters, LIFParameters, NeuronParameters, ReadoutParameters
from snn.kernels.checked import prepare
from snn.kernels.gpu import network, tiling, together
from snn.neurons import LIFDynamics, Neuron
from snn.neurons.declaration import shipped

PROCESSORS = 132
"""Of an H100 or H200."""


@dataclass(frozen=True)
class Compiled:
    """What a kernel needs.

    Attributes:
        kernel: name of its function.
        options: those of its compile-time constants that choose a variant.
        arch: compute capability times ten.
        registers: of a thread.
        local_bytes: of a thread: spilled registers.
        spills: instructions in loops that move such a register.
        shared_bytes: of a program.
        warps: of a program.
        barriers: instructions in which the threads of a program wait for each other.
        instructions: of the machine, in the program's text.
    """

    kernel: str
    options: str
    arch: int
    registers: int
    local_bytes: int
    spills: int
    shared_bytes: int
    warps: int
    barriers: int
    instructions: int


class _NoDevice:
    """Stands for a GPU that is not there."""

    def __init__(self, arch: int) -> None:
        self.arch = arch

    def get_current_device(self) -> int:
        return self.arch  # compiled kernels are remembered for each device

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", self.arch, 32)


@contextmanager
def compile_only(
    arch: int, describe: Callable[[Any, int, dict[str, object]], Any] | None = None
) -> Iterator[dict[str, Any]]:
    """Launches compile kernels and run none.

    Args:
        arch: compute capability times ten.
        describe: from a compiled kernel, the capability and the launch's keywords.

    Yields:
        What ``describe`` made of each kernel, :class:`Compiled` if it is left out.
    """
    found: dict[str, Any] = {}
    launch, active = JITFunction.run, driver._active

    def compile_one(self, *args, grid, warmup, **kwargs):
        kernel = launch(self, *args, grid=grid, warmup=True, **kwargs)
        if kernel.hash not in found:
            found[kernel.hash] = (describe or _describe)(kernel, arch, kwargs)
        return kernel

    JITFunction.run = compile_one
    driver.set_active(_NoDevice(arch))
    try:
        yield found
    finally:
        JITFunction.run = launch
        driver._active = active


def _tool(name: str, kernel, *flags: str) -> str:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        tool = os.path.join(os.path.dirname(nvidia), "bin", name)
        return subprocess.run(
            [tool, *flags, file.name], capture_output=True, text=True, check=True
        ).stdout


def _spills_in_loops(text: str) -> int:
    """Accesses to local memory between a label and a later jump back to it."""
    lines, labels, inside = text.splitlines(), {}, set()
    for at, line in enumerate(lines):
        if found := re.match(r"\s*(\.L_\w+):", line):
            labels[found[1]] = at
        elif (found := re.search(r"\bBRA.*\((\.L_\w+)\)", line)) and found[1] in labels:
            inside.update(range(labels[found[1]], at))
    return sum(bool(re.search(r"\b(LDL|STL)\b", lines[at])) for at in inside)


ARITHMETIC = re.compile(r"\b([FD]ADD|[FD]MUL|[FD]FMA|MUFU|SHFL)\b")


def arithmetic(kernel) -> tuple[list[str], Counter[str]]:
    """What the order of a kernel's sums depends on: which thread holds which numbers of a tile, and
    how many instructions of each kind do arithmetic or exchange numbers between threads."""
    layouts = re.findall(r"^#(?!loc).*$", kernel.asm["ttgir"], re.MULTILINE)
    return sorted(layouts), Counter(ARITHMETIC.findall(_tool("nvdisasm", kernel, "-c")))


def _describe(kernel, arch: int, given: dict[str, object]) -> Compiled:
    usage = _tool("cuobjdump", kernel, "--dump-resource-usage")
    registers, stack, local = re.search(r"REG:(\d+) STACK:(\d+) .*LOCAL:(\d+)", usage).groups()
    shown = [
        value if isinstance(value, str) else f"{name}={value}"
        for name, value in given.items()
        if name.isupper() and (value is not False) and value != "ieee"
    ]
    text = _tool("nvdisasm", kernel, "-c")
    return Compiled(
        kernel.metadata.name,
        " ".join(name.removesuffix("=True") for name in shown),
        arch,
        int(registers),
        int(stack) + int(local),
        _spills_in_loops(text),
        kernel.metadata.shared,
        kernel.metadata.num_warps,
        len(re.findall(r"\bBAR\.SYNC", text)),
        len(re.findall(r"/\*[0-9a-f]{4,}\*/", text)),
    )


def _store(samples: int, steps: int, units: int, events: int) -> EventStore:
    draw = torch.randint
    total = samples * events
    return EventStore.from_events(
        torch.arange(samples).repeat_interleave(events).numpy(),
        draw(steps, (total,)).numpy(),
        draw(units, (total,)).numpy(),
        nb_samples=samples,
        nb_steps=steps,
        nb_units=units,
    )


def network_pass(
    units: int,
    dtype: torch.dtype = torch.float32,
    *,
    batch: int = 256,
    steps: int = 100,
    mode: str = "events",
    recurrent: bool = True,
    learned: bool = False,
    masked: bool = False,
    analog: bool = False,
    neuron: Neuron | None = None,
    models: int = 1,
    **dynamics: object,
) -> None:
    """Go through a training step of a network with one hidden layer of ``units`` neurons.

    They are current-based LIF neurons on their own kernels, or ``neuron`` on generated ones.
    Several models are that many such networks in the same launches.
    """
    with torch.device("cpu"):
        weight = torch.randn(48, units, dtype=dtype, requires_grad=True)
        square = torch.randn(units, units, dtype=dtype, requires_grad=True) if recurrent else None
        decay = torch.full((units,), 0.9, dtype=dtype, requires_grad=learned)
        mask = torch.ones(batch, steps, units, dtype=dtype) if masked else None
        readout = torch.randn(units, 10, dtype=dtype, requires_grad=True)
        encoder, x = None, EventBatch(_store(batch, steps, 48, 20), torch.arange(batch))
        if analog:
            gain = torch.randn(48, dtype=dtype, requires_grad=True)
            encoder, x = EncoderParameters(gain, gain, 0.9), torch.randn(batch, steps, 4)
    os.environ["SNN_GPU_INPUT"] = mode
    try:
        layer = LIFParameters(weight, square, decay, decay, LIFDynamics(**dynamics), mask)
        if neuron is not None:
            values = dict.fromkeys(neuron.parameters, decay)
            layer = NeuronParameters(weight, square, neuron, values, mask=mask, **dynamics)
        given = [layer], ReadoutParameters(readout, 0.8, 0.9), encoder
        # Not by way of snn.kernels, which would find that there is no GPU.
        problem = together.Problem(prepare(x, *given), *given)
        if models == 1:
            results = [network.network(*problem)]
        else:
            results = together.networks([problem] * models)
        sum(out.sum() + counts[0].sum() for out, counts in results).backward()
    finally:
        del os.environ["SNN_GPU_INPUT"]


def compile_neurons(arch: int, sizes: list[int], dtypes: list[torch.dtype]) -> list[Compiled]:
    """Generated kernels of the neurons that ship, by name."""
    rows = []
    for kind in shipped.SHIPPED:
        with compile_only(arch) as found, tiling.override(processors=PROCESSORS):
            for dtype in dtypes:
                for units in sizes:
                    for learned in (False, True):
                        network_pass(units, dtype, steps=4, learned=learned, neuron=kind())
        made = [row for row in found.values() if row.kernel.startswith(("forward", "backward"))]
        rows += [replace(row, kernel=f"{kind.__name__} {row.kernel}") for row in made]
    return rows


def compile_all(arch: int, sizes: list[int], dtypes: list[torch.dtype]) -> list[Compiled]:
    """Kernels of networks of these sizes and of every option, for a compute capability."""
    with compile_only(arch) as found, tiling.override(processors=PROCESSORS):
        for dtype in dtypes:
            for units in sizes:
                for batch in (64, 4096):
                    network_pass(units, dtype, batch=batch, steps=4)
        dtype = dtypes[0]
        for surrogate in ("boxcar", "atan", "triangular", "exponential", "sigmoid", "gaussian"):
            network_pass(48, dtype, steps=3, surrogate=surrogate, scale=5.0)
        network_pass(200, dtype, steps=3, recurrence="current", reset="subtract", mode="dense")
        network_pass(200, dtype, steps=3, detach_reset=False, learned=True, masked=True)
        network_pass(200, dtype, steps=3, recurrent=False, analog=True)
        network_pass(1, dtype, batch=1, steps=1)  # an argument that is 1 is compiled in
        before = torch.get_float32_matmul_precision()
        try:
            for precision in ("high", "medium"):
                torch.set_float32_matmul_precision(precision)
                network_pass(100, torch.float32, steps=3)
        finally:
            torch.set_float32_matmul_precision(before)
    return list(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", nargs="+", type=int, default=[90], help="e.g. 80 90")
    parser.add_argument("--hidden", nargs="+", type=int, default=[32, 64, 100, 200, 450, 1000])
    parser.add_argument("--dtypes", nargs="+", default=["float32"])
    parser.add_argument(
        "--neurons", action="store_true", help="the generated kernels of declared neurons"
    )
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    dtypes = [getattr(torch, name) for name in args.dtypes]
    compiled = compile_neurons if args.neurons else compile_all
    rows = [row for arch in args.arch for row in compiled(arch, args.hidden, dtypes)]
    if args.json:
        json.dump([asdict(row) for row in rows], sys.stdout)
        return
    print(f"`python -m benchmarks.gpu_resources {' '.join(sys.argv[1:])}`, triton", end=" ")
    print(triton.__version__, "\n")
    names = list(Compiled.__dataclass_fields__)
    print("|", " | ".join(names), "|\n" + "|---" * len(names) + "|")
    for row in rows:
        print("|", " | ".join(str(getattr(row, name)) for name in names), "|")


if __name__ == "__main__":
    main()
