"""Several points on one GPU: one after another, as processes, and as one batched network.

    python -m benchmarks.together                       # 1, 2, 4 and 8 points
    python -m benchmarks.together --points 4 --hidden 100 --no-sweeps
    python -m benchmarks.together --overrides experiment=shd data.root=...

Steps: networks that differ in weights, surrogate and regulariser take a training step with Adam,
in turn and at once, in one process. The weights must be the same afterwards bit for bit; if they
are not, it is said and the exit code is 1. Sweeps: ``train.py -m`` with so many points, one by one,
each in a process of its own with a slot of the GPU, and all in one (``sweep.together``). On a
machine without a GPU only ``--smoke`` runs: tiny sizes, Triton's interpreter, to see that the
script works.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu import TURN, seconds
from benchmarks.gpu_contenders import DeviceProblem
from benchmarks.workloads import WORKLOADS, Workload
from snn.network import SpikingNetwork
from snn.runs import read_json
from snn.training import joint
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step, plain_step

SMOKE = (
    *("data.nb_train=20", "data.nb_test=10", "data.nb_classes=3", "data.nb_steps=10"),
    *("model.nb_hidden=8", "trainer.accelerator=cpu", "threads=1"),
)
CHECKED_STEPS = 3


@dataclass
class Point:
    """A network in training."""

    network: SpikingNetwork
    loss: ClassificationLoss
    regularizer: SpikeRegularizer
    optimizer: torch.optim.Optimizer

    def arguments(self, problem: DeviceProblem) -> tuple:
        return self.network, problem.x, problem.labels, self.loss, self.regularizer

    def descend(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def make_points(problem: DeviceProblem, count: int) -> list[Point]:
    """Networks that differ in weights, surrogate scale, regulariser and learning rate."""
    points = []
    for i in range(count):
        network = problem.network("gpu", seed=i)
        layer = network.hidden[0]
        layer.dynamics = replace(layer.dynamics, scale=10.0 * (i + 1))
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3 * (i + 1), fused=True)
        points.append(Point(network, ClassificationLoss(), SpikeRegularizer(1e-6 * i), optimizer))
    return points


def in_turn(points: Sequence[Point], problem: DeviceProblem) -> Callable[[], None]:
    def step() -> None:
        for point in points:
            given = point.arguments(problem)
            point.descend((fused_step(*given) or plain_step(*given)).loss)

    return step


def at_once(points: Sequence[Point], problem: DeviceProblem) -> Callable[[], None]:
    def step() -> None:
        wanted = [joint.step_of(*point.arguments(problem)) for point in points]
        outputs = joint.take(wanted)
        for point, output in zip(points, outputs, strict=True):
            given = point.arguments(problem)
            point.descend((output or fused_step(*given) or plain_step(*given)).loss)

    return step


def same(first: Sequence[Point], second: Sequence[Point]) -> bool:
    """Whether all weights are the same, bit for bit."""
    return all(
        torch.equal(p, q)
        for one, other in zip(first, second, strict=True)
        for p, q in zip(one.network.parameters(), other.network.parameters(), strict=True)
    )


def time_steps(workload: Workload, counts: Sequence[int], device: torch.device, repeats: int):
    """Lines of a table of training steps, and whether all weights were the same."""
    problem = DeviceProblem.draw_on(workload, device)
    w, fine = workload, True
    yield f"**{w.name}**: {w.hidden} hidden, {w.steps} steps, batch {w.batch}\n", fine
    yield "| points | ms in turn | ms at once | in turn / at once | same bits |", fine
    yield "|---|---|---|---|---|", fine
    for count in counts:
        points = [make_points(problem, count) for _ in range(2)]
        steps = [make(p, problem) for make, p in zip((in_turn, at_once), points, strict=True)]
        for step in steps:
            for _ in range(CHECKED_STEPS):
                step()
        equal = same(*points)
        fine = fine and equal
        many = [max(1, int(TURN / seconds(step, device, 1))) for step in steps]
        times = [
            [1e3 * seconds(step, device, n) for step, n in zip(steps, many, strict=True)]
            for _ in range(repeats)
        ]
        turn, once = np.median(times, 0)
        said = "yes" if equal else "NO"
        yield f"| {count} | {turn:.3f} | {once:.3f} | {turn / once:.2f} | {said} |", fine


def run_sweep(count: int, overrides: Sequence[str], means: Sequence[str]) -> tuple[float, float]:
    """Seconds of the command, and of the longest training in it."""
    rates = ",".join(f"{1e-6 * (i + 1):g}" for i in range(count))
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "train.py", "-m", *overrides, "test=false", "progress=none"]
        command += [f"model.regularizer={rates}", f"hydra.sweep.dir={directory}", *means]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - start
        results = [read_json(path) for path in Path(directory).glob("*/result.json")]
    if len(results) != count:
        sys.exit(f"{len(results)} of {count} points are completed: {' '.join(command)}")
    return whole, max(result["fit_seconds"] for result in results)


def time_sweeps(counts: Sequence[int], overrides: Sequence[str], epochs: int):
    """Lines of a table of sweeps."""
    overrides = [*overrides, f"trainer.max_epochs={epochs}"]
    yield f"`train.py -m {' '.join(overrides)}`, {epochs} epochs a point\n"
    yield "| points | | s of the command | s of training | epochs of all points per minute |"
    yield "|---|---|---|---|---|"
    for count in counts:
        slots = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={count}"]
        ways = {
            "one by one": [],
            "processes": [*slots, f"sweep.slots_per_gpu={count}"],
            "together": [f"sweep.together={count}"],
        }
        for way, means in ways.items():
            if count == 1 and way != "one by one":
                continue
            whole, longest = run_sweep(count, overrides, means)
            training = count * longest if way == "one by one" else longest
            rate = 60.0 * count * epochs / training
            yield f"| {count} | {way} | {whole:.1f} | {training:.1f} | {rate:.1f} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--workloads", nargs="+", default=["fmnist", "shd"], choices=WORKLOADS)
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--epochs", type=int, default=5, help="of each point of a sweep")
    parser.add_argument("--no-steps", action="store_true")
    parser.add_argument("--no-sweeps", action="store_true")
    parser.add_argument(
        "--overrides",
        nargs="+",
        default=["experiment=fashion_mnist", "trainer=gpu", "model.backend=gpu"],
        help="of the sweeps' points; default: Fashion-MNIST, which is downloaded if it is missing",
    )
    parser.add_argument("--smoke", action="store_true", help="tiny sizes; also without a GPU")
    args = parser.parse_args()
    cuda = torch.cuda.is_available()
    if not cuda and not args.smoke:
        sys.exit("this benchmark needs a CUDA device; --smoke only tries the script out")
    device = torch.device("cuda", 0) if cuda else torch.device("cpu")
    sizes = {"hidden": args.hidden, "batch": args.batch}
    if args.smoke:
        os.environ.setdefault("TRITON_INTERPRET", "1" if not cuda else "0")
        sizes = {"hidden": 9, "batch": 3, "steps": 5, "inputs": 12, "events": 20}
        args.workloads, args.points, args.repeats, args.epochs = ["fmnist"], [1, 2], 1, 1
        args.overrides = list(SMOKE)
    name = torch.cuda.get_device_name(device) if cuda else "CPU (smoke test)"
    print(f"`{' '.join(['python -m benchmarks.together', *sys.argv[1:]])}`,")
    print(f"{date.today()}, {name}, PyTorch {torch.__version__}, float32.\n")
    fine = True
    if not args.no_steps:
        if importlib.util.find_spec("triton") is None:
            sys.exit('Triton is not installed: pip install "snn[gpu]"')
        for workload in args.workloads:
            lines = time_steps(
                replace(WORKLOADS[workload], **sizes), args.points, device, args.repeats
            )
            for line, same_bits in lines:
                print(line, flush=True)
                fine = fine and same_bits
            print()
    if not args.no_sweeps:
        for line in time_sweeps(args.points, args.overrides, args.epochs):
            print(line, flush=True)
    if not fine:
        print("\nWeights differ between steps in turn and at once: that is a defect.")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
