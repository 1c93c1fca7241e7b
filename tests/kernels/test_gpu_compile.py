"""The GPU kernels compile for real GPUs, from Triton down to machine code. No GPU is needed."""

import importlib.util
import json
import subprocess
import sys

import pytest

from tests.commands import ROOT
from tests.kernels.gpu_case import needs_triton

pytestmark = needs_triton
KERNELS = {
    *("lif_forward", "lif_backward", "readout_forward", "readout_backward"),
    *("encoder_forward", "encoder_backward", "currents_from_events", "dense_from_events"),
    "weight_gradient",
}
ONE_NETWORK = """
from benchmarks.gpu_resources import PROCESSORS, compile_only, network_pass, tiling
with compile_only(90) as found, tiling.override(processors=PROCESSORS):
    network_pass(40, steps=3)
print(*{kernel.kernel for kernel in found.values()})
"""


TOGETHER = """
from benchmarks.gpu_resources import PROCESSORS, arithmetic, compile_only, network_pass, tiling
from snn.neurons import SEAdLIF
def describe(kernel, arch, given):
    name = kernel.metadata.name, given["num_warps"]
    return (*name, given["TOGETHER"], arithmetic(kernel)) if "TOGETHER" in given else None
for units in (100, 200):
    for neuron in (None, SEAdLIF()):
        kinds = {}
        for models in (1, 3):
            with compile_only(90, describe) as found, tiling.override(processors=PROCESSORS):
                network_pass(units, steps=4, learned=True, neuron=neuron, models=models)
            for *name, together, made in filter(None, found.values()):
                kinds.setdefault(tuple(name), {})[together] = made
        for (name, warps), made in kinds.items():
            print(units, name, set(made) == {False, True} and made[True] == made[False])
"""


def outside(*arguments):
    """What Python prints in a process in which kernels are not interpreted."""
    if importlib.util.find_spec("triton.backends.nvidia") is None:
        pytest.skip("this Triton has no compiler for Nvidia's GPUs")
    line = [sys.executable, *arguments]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.seconds(15)
def test_the_kernels_of_a_network_compile():
    compiled = set(outside("-c", ONE_NETWORK).split())
    assert {name for name in KERNELS if name.startswith(("lif", "readout"))} <= compiled <= KERNELS


@pytest.mark.long
@pytest.mark.parametrize("arch", [80, 90])
def test_every_kernel_compiles_for_every_architecture(arch):
    options = ("--json", "--arch", str(arch), "--hidden", "200", "1000")
    compiled = json.loads(outside("-m", "benchmarks.gpu_resources", *options))
    assert {row["kernel"] for row in compiled} == KERNELS
    assert_launchable(compiled)


@pytest.mark.long
def test_the_generated_kernels_of_every_neuron_compile():
    options = ("--json", "--neurons", "--hidden", "48", "200")
    compiled = json.loads(outside("-m", "benchmarks.gpu_resources", *options))
    for neuron in ("CubaLIF", "LIF", "SEAdLIF", "RadLIF"):
        kernels = {row["kernel"] for row in compiled if row["kernel"].startswith(f"{neuron} ")}
        assert kernels == {f"{neuron} forward", f"{neuron} backward"}
    assert_launchable(compiled)
    assert not any(row["spills"] for row in compiled)  # in the loop over time


def assert_launchable(compiled):
    for row in compiled:
        assert row["shared_bytes"] <= 48 * 1024, row
        assert row["registers"] * 32 * row["warps"] <= 64 * 1024, row


@pytest.mark.long
@pytest.mark.seconds(60)
def test_kernels_of_several_models_add_up_as_those_of_one():
    lines = outside("-c", TOGETHER).splitlines()
    assert len(lines) == 2 * 2 * 4
    assert [line for line in lines if not line.endswith(" True")] == []
