"""Damaged arguments end in an error, never in a crash; see :mod:`tests.kernels.fuzz`."""

import os
import subprocess
import sys

import pytest

from tests.commands import ROOT
from tests.requirements import needs

SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")

built = needs("cpu")
needs_triton = needs("triton")


def fuzz(*options: object) -> None:
    """Run cases in a process of their own; the last one is named if it dies."""
    limit = () if SANITIZED else ("--limit", 16_000)  # ASan reserves terabytes of addresses
    command = [sys.executable, "-m", "tests.kernels.fuzz", *options, *limit]
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "2", "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    said = done.stdout.strip().splitlines() or ["nothing"]
    assert done.returncode == 0, f"exit code {done.returncode} at {said[-1]}\n{done.stderr[-3000:]}"
    assert said[-1].startswith("done: ")


@built
def test_no_argument_of_the_cpu_kernels_crashes():
    fuzz("--cases", 280)


@needs_triton
def test_no_argument_of_the_gpu_kernels_crashes():
    fuzz("--gpu", "--cases", 16)


@pytest.mark.long
@built
@pytest.mark.parametrize("seed", range(1, 5))
def test_many_arguments_of_the_cpu_kernels(seed):
    fuzz("--cases", 4000, "--seed", seed)


@pytest.mark.long
@needs_triton
def test_many_arguments_of_the_gpu_kernels():
    fuzz("--gpu", "--cases", 800, "--seed", 1)
