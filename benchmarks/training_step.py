"""Time one training step of every contender; prints tables in Markdown.

    python -m benchmarks.training_step                    # all contenders, one size
    python -m benchmarks.training_step --table sizes      # over hidden neurons, steps and threads
    python -m benchmarks.training_step --table linear     # over steps and events, with fitted lines
    python -m benchmarks.training_step --table memory     # peak memory of a process each

All contenders run in one process, a step each in turn, so that a disturbance meets them alike.
Norse, snnTorch and SpikingJelly take part where they are installed; install them without their
dependencies, so that they do not replace PyTorch:
``pip install --no-deps norse nir nirtorch snntorch spikingjelly loguru``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks import tables
from benchmarks.contenders import CONTENDERS
from benchmarks.machine import description
from benchmarks.timing import OURS
from benchmarks.workloads import WORKLOADS, Problem
from snn.runs.environment import peak_memory_mib

FEW = ["spytorch", "spytorch_unbind", "norse", "cpu", OURS]


def rows(args: argparse.Namespace) -> Iterator[str]:
    """Lines of the tables that were asked for."""
    if args.table == "memory":
        names = args.contenders or list(CONTENDERS)
        for threads in args.threads or [torch.get_num_threads()]:
            yield from tables.memory((WORKLOADS[w] for w in args.workloads), names, threads)
        return
    for name in args.workloads:
        workload = WORKLOADS[name]
        if args.table == "sizes":
            yield from tables.sizes(
                workload,
                args.contenders or FEW,
                args.repeats,
                args.hidden or [100, 200, 300, 512],
                args.steps or [100, 200],
                args.threads or [1, 2],
            )
            continue
        for hidden in args.hidden or [workload.hidden]:
            for steps in args.steps or [workload.steps]:
                for threads in args.threads or [torch.get_num_threads()]:
                    torch.set_num_threads(threads)
                    sized = replace(workload, hidden=hidden, steps=steps)
                    if args.table == "linear":
                        for contender in args.contenders or [OURS]:
                            yield from tables.linear(sized, contender, args.repeats)
                    else:
                        yield from tables.step(
                            sized, args.contenders or list(CONTENDERS), args.repeats
                        )


def peak(workload: str, folder: str, name: str) -> str:
    """Peak memory in MiB of this process after three steps on a saved problem."""
    step = CONTENDERS[name](Problem.load(WORKLOADS[workload], Path(folder)))
    for _ in range(3):
        step()
    return f"{peak_memory_mib(torch.device('cpu'))['host']:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--table", choices=["step", "sizes", "linear", "memory"], default="step")
    parser.add_argument("--workloads", nargs="+", default=list(WORKLOADS), choices=WORKLOADS)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS)
    parser.add_argument("--hidden", nargs="+", type=int)
    parser.add_argument("--steps", nargs="+", type=int)
    parser.add_argument("--threads", nargs="+", type=int)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        torch.set_num_threads((args.threads or [torch.get_num_threads()])[0])
        print(peak(*args.peak))
        return
    print(" ".join(["`python -m benchmarks.training_step", *sys.argv[1:]]) + "`,")
    print(f"{description()}, float32.\n")
    for line in rows(args):
        print(line, flush=True)


if __name__ == "__main__":
    main()
