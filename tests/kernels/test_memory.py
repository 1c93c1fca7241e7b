"""Memory that cannot be had is an error; memory that is kept for later is bounded."""

import os
import subprocess
import sys

import psutil
import pytest
import torch

from snn import kernels
from snn.events import EventBatch
from snn.kernels.cpu import loans
from snn.neurons import LIFDynamics
from tests.commands import ROOT
from tests.kernels.compare import random_store
from tests.requirements import needs

pytestmark = needs("cpu")
SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")


@pytest.mark.skipif(SANITIZED, reason="ASan reserves terabytes of addresses")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are Linux's")
def test_memory_that_cannot_be_had_is_an_error_and_the_next_call_works():
    done = subprocess.run(
        [sys.executable, "-m", "tests.kernels.scarce"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stdout}\n{done.stderr}"
    assert done.stdout.count("MemoryError") == 2


def test_sizes_beyond_all_machines_are_an_error():
    weight = torch.ones(1, 4, requires_grad=True)
    layer = kernels.LIFParameters(weight, None, 0.8, 0.9, LIFDynamics())
    readout = kernels.ReadoutParameters(torch.ones(4, 2), 0.8, 0.9)
    x = torch.ones(1, 1, 1).expand(2**40, 2**20, 1)
    with pytest.raises(MemoryError):
        kernels.network(x, [layer], readout)
    with pytest.raises(MemoryError):
        loans.lend(2**60)


def test_what_is_lent_fits_what_is_asked_for():
    for size in (0, 1, 63, 64, 65, 1000, 12_345, 10**6, 10**6 + 1):
        assert loans.lend(size).shape == (size,)
        assert size <= loans.rounded(size) <= max(size * 9 / 8, size + 64)


def test_what_is_kept_is_bounded():
    generator = torch.Generator().manual_seed(0)
    loans._free.clear()
    largest = 0
    for _ in range(300):
        size = int(torch.randint(1, 10**6, (), generator=generator))
        largest = max(largest, loans.rounded(size))
        held = [loans.lend(size), loans.lend(size // 2)]
        del held
        assert len(loans._free) <= loans.KEPT
        assert loans.kept_bytes() <= loans.KEPT * largest
    for _ in range(loans.IDLE + 2):  # what nobody asks for goes
        loans.lend(100)
    assert loans.kept_bytes() <= loans.KEPT * loans.rounded(100)


def train_on_random_sizes(steps: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(20, 50, generator=generator).requires_grad_()
    recurrent = (torch.randn(50, 50, generator=generator) / 10).requires_grad_()
    readout = torch.randn(50, 3, generator=generator).requires_grad_()
    layer = kernels.LIFParameters(weight, recurrent, 0.8, 0.9, LIFDynamics(scale=5.0))
    parameters = [layer], kernels.ReadoutParameters(readout, 0.8, 0.9)
    for step in range(steps):
        samples = int(torch.randint(1, 90, (), generator=generator))
        length = int(torch.randint(1, 60, (), generator=generator))
        x = EventBatch(random_store(samples, length, 20, 0.1, step), torch.arange(samples))
        trace, counts = kernels.network(x, *parameters)
        (trace.square().sum() + counts[0].sum()).backward()
        kernels.training_step(x, torch.zeros(samples).long(), *parameters).loss.backward()


def test_training_on_random_sizes_takes_no_more_and_more_memory():
    train_on_random_sizes(150, seed=0)
    before = psutil.Process().memory_info().rss
    kept = loans.kept_bytes()
    train_on_random_sizes(300, seed=1)
    assert psutil.Process().memory_info().rss - before < 48 * 2**20
    largest = 90 * 60 * (64 * 4 + 8)
    assert max(kept, loans.kept_bytes()) <= loans.KEPT * loans.rounded(largest)
