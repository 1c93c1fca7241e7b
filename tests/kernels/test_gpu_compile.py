"""The GPU kernels compile for real GPUs, from Triton down to machine code. No GPU is needed."""

import importlib.util
import json
import subprocess
import sys

import pytest

from tests.kernels.gpu_case import needs_triton

pytestmark = needs_triton


@pytest.fixture(scope="module")
def compiled():
    """Resources of each kernel, from a process in which kernels are not interpreted."""
    if importlib.util.find_spec("triton.backends.nvidia") is None:
        pytest.skip("this Triton has no compiler for Nvidia's GPUs")
    command = [sys.executable, "-m", "benchmarks.gpu_resources", "--json"]
    command += ["--arch", "80", "90", "--hidden", "200", "1000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_every_kernel_compiles_for_every_architecture(compiled):
    kernels = {
        "lif_forward",
        "lif_backward",
        "readout_forward",
        "readout_backward",
        "encoder_forward",
        "encoder_backward",
        "currents_from_events",
        "dense_from_events",
        "weight_gradient",
    }
    for arch in (80, 90):
        assert {row["kernel"] for row in compiled if row["arch"] == arch} == kernels


def test_exact_kernels_spill_next_to_nothing(compiled):
    exact = [row for row in compiled if " dot " not in row["options"]]
    assert max(row["local_bytes"] for row in exact) <= 32  # eight registers of a thread


def test_all_programs_fit_a_multiprocessor(compiled):
    for row in compiled:
        assert row["shared_bytes"] <= 48 * 1024, row
        assert row["registers"] * 32 * row["warps"] <= 64 * 1024, row


def test_threads_wait_for_each_other_in_no_inner_loop(compiled):
    """Tiles of weights that go through shared memory would need two barriers each."""
    streamed = [r for r in compiled if " stream " in r["options"] and "LEARNED" not in r["options"]]
    assert streamed
    assert max(row["barriers"] for row in streamed) <= 12
