"""Time training steps on a GPU; prints tables in Markdown.

    python -m benchmarks.gpu                        # sizes, one at a time from 200 x 100 x 256
    python -m benchmarks.gpu --hidden 100 200 512 1024 --steps 100 500 --batch 64 256 4096 --all
    python -m benchmarks.gpu --tune                 # block sizes of our kernels
    python -m benchmarks.gpu --epoch                # Fashion-MNIST through train.py

A training step is forward pass, loss, backward pass and Adam. Contenders take turns, several steps
each between two synchronisations with the device. Norse, snnTorch and SpikingJelly take part where
they are installed, as in ``benchmarks.training_step``. On a machine without a GPU only ``--smoke``
runs: tiny sizes, to see that the script works.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path

import numpy as np
import torch

from benchmarks.contenders import Step
from benchmarks.gpu_contenders import CONTENDERS, DeviceProblem
from benchmarks.gpu_floor import Floor
from benchmarks.workloads import WORKLOADS, Workload
from snn.kernels.gpu import tiling

BASE = {"hidden": 200, "steps": 100, "batch": 256}
SIZES = {"hidden": [100, 200, 512, 1024], "steps": [100, 250, 500], "batch": [64, 256, 1024, 4096]}
TURN = 0.05
"""Seconds of steps between two synchronisations."""


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(step: Callable[[], object], device: torch.device, count: int) -> float:
    """Of one step, in a turn of ``count``."""
    synchronize(device)
    start = time.perf_counter()
    for _ in range(count):
        step()
    synchronize(device)
    return (time.perf_counter() - start) / count


def prepare(names: list[str], problem: DeviceProblem) -> tuple[dict[str, Step], dict[str, str]]:
    """Contenders that can run, after their first steps, and why others cannot."""
    steps, missing = {}, {}
    for name in names:
        try:
            step = CONTENDERS[name](problem)
            for _ in range(3):
                step()
            synchronize(problem.device)
        except torch.OutOfMemoryError:
            missing[name] = "out of memory"
        except Exception as error:  # other libraries fail in ways of their own
            missing[name] = (str(error).splitlines() or [type(error).__name__])[0][:80]
        else:
            steps[name] = step
    return steps, missing


def measure(workload: Workload, names: list[str], repeats: int, device: torch.device) -> list[str]:
    """Lines of the table of one size."""
    problem = DeviceProblem.draw_on(workload, device)
    steps, missing = prepare(names, problem)
    counts = {n: max(1, int(TURN / seconds(step, device, 1))) for n, step in steps.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            times[name].append(1e3 * seconds(step, device, counts[name]))
    with torch.no_grad():
        spikes = problem.network("auto")(problem.x).spike_counts[0]
    w = workload
    lines = [
        f"**{w.name}**: {w.hidden} hidden, {w.steps} steps, batch {w.batch}; "
        f"{float(spikes.mean()) / w.steps:.0%} firing",
        "",
        "| | median ms (quartiles) | spytorch / this |",
        "|---|---|---|",
    ]
    base = np.median(times["spytorch"]) if "spytorch" in times else float("nan")
    for name, values in times.items():
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        lines.append(f"| {name} | {middle:.3f} ({low:.3f}-{high:.3f}) | {base / middle:.1f} |")
    lines += [f"| {name} | {reason} | |" for name, reason in missing.items()]
    return [*lines, ""]


def sizes(args: argparse.Namespace) -> Iterator[dict[str, int]]:
    """Every combination, or one size at a time with the others as usual."""
    asked = {name: getattr(args, name) or SIZES[name] for name in SIZES}
    if args.all:
        yield from (dict(zip(asked, values, strict=True)) for values in product(*asked.values()))
        return
    seen = []
    for name, values in asked.items():
        for value in values:
            size = {**BASE, name: value}
            if size not in seen:
                seen.append(size)
                yield size


def tune(workload: Workload, repeats: int, device: torch.device) -> Iterator[str]:
    """Lines with the time of a step for plans near that which is taken."""
    problem = DeviceProblem.draw_on(workload, device)
    usual = tiling.lif_plan(workload.batch, workload.hidden, True, torch.float32, device)
    yield f"**{workload.name}**: {workload.hidden} hidden, batch {workload.batch}; usual: {usual}"
    yield "\n| product | block_b | block_k | warps | ms |\n|---|---|---|---|---|"
    tiles = [usual.block_k] if usual.product == "resident" else [4, 8, 16, 32]
    warps = sorted({max(usual.warps // 2, 1), usual.warps, min(usual.warps * 2, 32)})
    for b, k, w in product([1, 2, 4, 8], tiles, warps):
        with tiling.override(block_b=b, block_k=k, warps=w):
            steps, missing = prepare(["gpu"], problem)
            if missing:
                shown = missing["gpu"]
            else:
                count = max(1, int(TURN / seconds(steps["gpu"], device, 1)))
                shown = min(seconds(steps["gpu"], device, count) for _ in range(repeats)) * 1e3
                shown = f"{shown:.3f}"
        yield f"| {usual.product} | {b} | {k} | {w} | {shown} |"


def epoch(extra: list[str], epochs: int) -> str:
    """Lines on epochs of ``train.py`` with all 60,000 images."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "train.py", "experiment=fashion_mnist", "trainer=gpu"]
        command += ["data.val_fraction=0", f"trainer.max_epochs={epochs}", "progress=none"]
        command += ["model.backend=gpu", f"hydra.run.dir={directory}", *extra]
        subprocess.run(command, check=True)
        result = json.loads(Path(directory, "result.json").read_text())
    shown = " ".join(["python", *command[1:-1]])
    whole = result["fit_seconds"] / result["epochs"]
    return (
        f"`{shown}`:\nmedian epoch {result['epoch_seconds']:.2f} s of training steps, "
        f"{whole:.2f} s with evaluation, logging and checkpoints (mean); the first one compiles."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", nargs="+", default=["fmnist"], choices=WORKLOADS)
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    for name, values in SIZES.items():
        parser.add_argument(f"--{name}", nargs="+", type=int, help=f"default: {values}")
    parser.add_argument("--all", action="store_true", help="every combination of sizes")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--tune", action="store_true", help="block sizes of our kernels")
    parser.add_argument("--epoch", nargs="*", metavar="OVERRIDE", help="epochs through train.py")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes; also without a GPU")
    args = parser.parse_args()
    if not torch.cuda.is_available() and not args.smoke:
        sys.exit("this benchmark needs a CUDA device; --smoke only tries the script out")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu", 0)
    device = device if device.type == "cuda" else torch.device("cpu")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU (smoke test)"
    print(f"`{' '.join(['python -m benchmarks.gpu', *sys.argv[1:]])}`,")
    print(f"{date.today()}, {name}, PyTorch {torch.__version__}, float32.\n")
    if args.epoch is not None:
        print(epoch(args.epoch, args.epochs))
        return
    if args.smoke:
        args.hidden, args.steps, args.batch, args.repeats = [9], [5], [3], 1
        BASE.update(hidden=9, steps=5, batch=3)
    floor = Floor.measure(device, small=args.smoke)
    print(floor.describe(), "\n")
    for workload in args.workloads:
        for size in sizes(args):
            w = replace(WORKLOADS[workload], **size)
            if args.tune:
                lines = tune(w, args.repeats, device)
            else:
                lines = [*measure(w, args.contenders, args.repeats, device), floor.of(w), ""]
            for line in lines:
                print(line, flush=True)


if __name__ == "__main__":
    main()
