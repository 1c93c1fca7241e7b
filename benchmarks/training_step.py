"""Time one training step of every contender; prints tables in Markdown.

    python -m benchmarks.training_step
    python -m benchmarks.training_step --workloads fmnist --hidden 100 200 512 --threads 1 2

All contenders run in one process, a step each in turn, so that a disturbance meets them alike.
Norse, snnTorch and SpikingJelly take part where they are installed; install them without their
dependencies, so that they do not replace PyTorch:
``pip install --no-deps norse nir nirtorch snntorch spikingjelly loguru``.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import torch

from benchmarks.contenders import CONTENDERS, Step
from benchmarks.workloads import WORKLOADS, Problem, Workload
from snn.kernels import ops

DISTURBED = 0.05
"""Share of the machine's time that other processes may take before the table says so."""


class Quiet:
    """Share of the machine that other processes took, from /proc/stat; nan without it."""

    def __enter__(self) -> Quiet:
        self.start = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        busy, own, wall = (b - a for a, b in zip(self.start, self._read(), strict=True))
        self.others = max(0.0, busy - own) / (wall * os.cpu_count())

    @staticmethod
    def _read() -> tuple[float, float, float]:
        """Busy seconds of all processors, of this process, and of the clock."""
        stat, busy = Path("/proc/stat"), float("nan")
        if stat.exists():
            fields = [int(field) for field in stat.read_text().splitlines()[0].split()[1:9]]
            user, nice, system, _idle, _iowait, irq, softirq, steal = fields
            ticks = user + nice + system + irq + softirq + steal
            busy = ticks / os.sysconf("SC_CLK_TCK")
        return busy, time.process_time(), time.perf_counter()


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def contenders(names: list[str], problem: Problem) -> dict[str, Step]:
    """A step function of each contender that is installed and can run, after its first step."""
    steps = {}
    for name in names:
        try:
            steps[name] = CONTENDERS[name](problem)
        except ImportError as error:
            print(f"{name} left out: {error}", file=sys.stderr)
        else:
            steps[name]()
    return steps


def floor(w: Workload) -> float:
    """Milliseconds of the hidden layer's dense adjoint product alone, at torch.mm's speed."""
    a, b = torch.randn(2048, w.hidden), torch.randn(w.hidden, w.hidden)
    times = []
    for _ in range(30):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    rows = w.batch * w.steps * (w.hidden + w.classes) / w.hidden
    return 1e3 * float(np.median(times)) * rows / len(a)


def measure(workload: Workload, names: list[str], repeats: int) -> list[str]:
    """Lines of the table of one workload."""
    problem = Problem.draw(workload)
    steps = contenders(names, problem)
    times: dict[str, list[float]] = {name: [] for name in steps}
    with Quiet() as quiet:
        for _ in range(repeats):
            for name, step in steps.items():
                start = time.perf_counter()
                step()
                times[name].append(1e3 * (time.perf_counter() - start))
    with torch.no_grad():
        counts = problem.network("auto")(problem.x).spike_counts[0]
    firing = float(counts.mean()) / workload.steps
    base = next(iter(times))
    lines = [
        f"**{workload.name}**: {workload.hidden} hidden, {workload.steps} steps, batch "
        f"{workload.batch}, {torch.get_num_threads()} threads; {firing:.0%} firing; dense adjoint "
        f"product alone {floor(workload):.1f} ms; others took {quiet.others:.0%} of the machine"
        + (" (disturbed)" if quiet.others > DISTURBED else ""),
        "",
        f"| | median ms (quartiles) | {base} / this |",
        "|---|---|---|",
    ]
    for name, values in times.items():
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        ratio = np.median(times[base]) / middle
        lines.append(f"| {name} | {middle:.1f} ({low:.1f}-{high:.1f}) | {ratio:.1f} |")
    return [*lines, ""]


def peak_memory(workload: str, name: str) -> str:
    """Peak memory of a process that does three steps."""
    command = [sys.executable, "-m", "benchmarks.training_step", "--peak", workload, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workloads", nargs="+", default=list(WORKLOADS), choices=WORKLOADS)
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--hidden", nargs="+", type=int, default=[200])
    parser.add_argument("--steps", nargs="+", type=int, help="instead of the workload's own")
    parser.add_argument("--threads", nargs="+", type=int, default=[torch.get_num_threads()])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--memory", action="store_true", help="peak memory instead of times")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        workload, name = args.peak
        step = CONTENDERS[name](Problem.draw(WORKLOADS[workload]))
        for _ in range(3):
            step()
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
        return
    print(" ".join(["`python -m benchmarks.training_step", *sys.argv[1:]]) + "`,")
    print(f"{date.today()}, {processor()}, {os.cpu_count()} cores, kernels: ", end="")
    print(f"{ops.instruction_set()}, PyTorch {torch.__version__}, float32.\n")
    for name in args.workloads:
        if args.memory:
            for contender in args.contenders:
                print(f"| {name} | {contender} | {peak_memory(name, contender)} |", flush=True)
            continue
        for hidden in args.hidden:
            for steps in args.steps or [WORKLOADS[name].steps]:
                for threads in args.threads:
                    torch.set_num_threads(threads)
                    workload = replace(WORKLOADS[name], hidden=hidden, steps=steps)
                    print("\n".join(measure(workload, args.contenders, args.repeats)), flush=True)


if __name__ == "__main__":
    main()
