"""Calls of the kernels while there is little memory: ``python -m tests.kernels.scarce``.

The limit rises from next to nothing until the calls work, so that memory runs out at one place
after another, in threads too. What is left must be as good as before.
"""

import faulthandler
import resource

import torch

from snn import kernels
from snn.neurons import LIFDynamics
from tests.kernels.compare import random_store

MIB = 2**20
PAGE = resource.getpagesize()


def limit(extra: int | None) -> None:
    """Let this process have so many bytes of addresses more than it has; None: any number."""
    size = resource.RLIM_INFINITY
    if extra is not None:
        with open("/proc/self/statm") as statm:
            size = int(statm.read().split()[0]) * PAGE + extra
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))


def call(units: int, backward: bool) -> list[torch.Tensor]:
    torch.manual_seed(0)
    x = random_store(48, 60, 20, 0.3, 0)
    weight = torch.randn(20, units, requires_grad=True)
    recurrent = (torch.randn(units, units) / units).requires_grad_()
    readout = torch.randn(units, 3, requires_grad=True)
    layer = kernels.LIFParameters(weight, recurrent, 0.8, 0.9, LIFDynamics(scale=5.0))
    given = [layer], kernels.ReadoutParameters(readout, 0.8, 0.9)
    if backward:
        trace, _ = kernels.network(x, *given)
        loss = trace.square().sum()
    else:
        loss = kernels.training_step(x, torch.arange(48) % 3, *given).loss
    return [loss.detach(), *torch.autograd.grad(loss, [weight, recurrent, readout])]


def main() -> None:
    faulthandler.enable()
    torch.set_num_threads(4)
    for backward in (False, True):
        call(16, backward)  # threads and libraries are there from now on
    for backward in (False, True):
        refused: dict[str, int] = {}
        for extra in range(0, 400, 3):
            limit(extra * MIB)
            try:
                call(900, backward)
            except (MemoryError, RuntimeError) as problem:
                name = type(problem).__name__
                refused[name] = refused.get(name, 0) + 1
                if name == "RuntimeError" and "alloc" not in str(problem):
                    raise
            else:
                break
            finally:
                limit(None)
        first, second = call(900, backward), call(900, backward)
        for one, other in zip(first, second, strict=True):
            assert torch.equal(one, other)
        print(f"backward={backward}: {refused}")
        assert refused.get("MemoryError"), "memory never ran out in the kernels"


if __name__ == "__main__":
    main()
