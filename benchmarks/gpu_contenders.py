"""What is compared on a GPU, over the contenders of the CPU.

Everything is on the device before time is counted: the events of our backend and the dense input
of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks import contenders
from benchmarks.contenders import RATE, Step
from benchmarks.workloads import Problem, Workload
from snn.kernels import StepOutput
from snn.network import SpikingNetwork
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step, plain_step

COMPILED_STEPS = 100
"""Time steps up to which the reference is compiled: the compiler unrolls the loop."""


@dataclass
class DeviceProblem(Problem):
    """A problem whose data and networks are on a device."""

    device: torch.device | None = None

    @classmethod
    def draw_on(cls, workload: Workload, device: torch.device) -> DeviceProblem:
        """The problem of the CPU's benchmark, moved."""
        drawn = Problem.draw(workload)
        return cls(workload, drawn.x.to(device), drawn.labels.to(device), device)

    def network(self, backend: str, seed: int = 0) -> SpikingNetwork:
        return super().network(backend, seed).to(self.device)


def gpu(problem: Problem) -> Step:
    """Our kernels."""
    return contenders._backend(problem, "gpu")


def gpu_fused(problem: Problem) -> Step:
    """Our kernels as ``train.py`` runs them: loss and gradients replayed, the optimizer not."""

    def step(*args) -> StepOutput:
        return fused_step(*args) or plain_step(*args)

    return contenders._backend(problem, "gpu", step)


def einsum_compiled(problem: Problem) -> Step:
    """Our reference through torch.compile, with its CUDA graphs."""
    if problem.workload.steps > COMPILED_STEPS:
        raise ImportError(f"more than {COMPILED_STEPS} steps take too long to compile")
    network = problem.network("einsum")
    nll, regularizer = ClassificationLoss(), SpikeRegularizer(RATE)
    x = problem.x if isinstance(problem.x, Tensor) else problem.x.to_dense(torch.float32)

    def objective(x: Tensor, labels: Tensor) -> Tensor:
        output = network(x)
        return nll(output.logits, labels) + regularizer(output.spike_counts)

    compiled = torch.compile(objective, mode="reduce-overhead", dynamic=False)
    return contenders._train(network.parameters(), lambda: compiled(x, problem.labels))


def captured(contender: Callable[[Problem], Step]) -> Callable[[Problem], Step]:
    """A contender whose whole step, the optimizer's included, is replayed from a CUDA graph."""

    def make(problem: Problem) -> Step:
        if not torch.cuda.is_available():
            raise ImportError("CUDA graphs need a GPU")
        step = contender(problem)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = step()

        def replay(captured_from: Step = step) -> Tensor:
            # its parameters and inputs must not be freed: the graph works on their memory
            graph.replay()
            return loss

        return replay

    make.__doc__ = f"{contender.__doc__} The whole step from a CUDA graph."
    return make


CONTENDERS: dict[str, Callable[[Problem], Step]] = {
    "spytorch": contenders.spytorch,
    "spytorch_unbind": contenders.spytorch_unbind,
    "spytorch_graph": captured(contenders.spytorch),
    "einsum": contenders.einsum,
    "einsum_graph": captured(contenders.einsum),
    "einsum_compiled": einsum_compiled,
    "norse": contenders.norse,
    "snntorch": contenders.snntorch,
    "spikingjelly": contenders.spikingjelly,
    "torch_rnn": contenders.torch_rnn,
    "gpu": gpu,
    "gpu_fused": gpu_fused,
    "gpu_graph": captured(gpu),
}
