"""What an epoch of real training costs beyond its bare training steps.

    python train.py experiment=fashion_mnist hydra.run.dir=DIR
    python -m benchmarks.epoch DIR

Repeats the run's training steps without Lightning, metrics, logging and validation, and compares.
Meaningful on a quiet machine, right after the run, with the run's number of threads.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch

from benchmarks.machine import Quiet, description
from snn.config.assembly import Parts, build
from snn.runs import RunDirectory, read_json
from snn.training.quiet import quiet_libraries
from snn.training.step import fused_step


def bare_epoch(parts: Parts, optimizer: torch.optim.Optimizer) -> float:
    """Seconds of one epoch of forward pass, loss, backward pass and optimizer step."""
    module = parts.module
    start = time.perf_counter()
    for x, labels in parts.datamodule.train_dataloader():
        optimizer.zero_grad()
        step = fused_step(module.network, x, labels, module.loss, module.regularizer)
        if step is None:
            output = module(x)
            loss = module.loss(output.logits, labels) + module.regularizer(output.spike_counts)
        else:
            loss = step.loss
        loss.backward()
        optimizer.step()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="directory of a completed run")
    parser.add_argument("--epochs", type=int, default=5, help="bare epochs to time (default: 5)")
    args = parser.parse_args()
    quiet_libraries()
    run = RunDirectory(args.run)
    result, config = read_json(run.result), read_json(run.config)
    torch.set_num_threads(result["threads"])
    torch.manual_seed(config["seed"])
    parts = build(config, run.path, progress="none", resume=True)
    # the weights of the run's end, whose activity is that of most of its epochs
    parts.module.load_state_dict(run.load_weights(run.last)[0])
    parts.module.train()
    optimizer = parts.module.make_optimizer(parts.module.parameters())
    with Quiet() as quiet:
        seconds = [bare_epoch(parts, optimizer) for _ in range(args.epochs)]
    bare = statistics.median(seconds)
    epoch = result["fit_seconds"] / result["epochs"]
    print(f"{description()}, {result['threads']} threads; {quiet} during the bare steps.\n")
    print("| part of an epoch | seconds | bare steps = 1 |\n|---|---|---|")
    for name, value in (
        ("bare training steps, median", bare),
        ("training steps in the run, median", result["epoch_seconds"]),
        ("whole epoch in the run, mean: with validation, logging, checkpoints, rasters", epoch),
    ):
        print(f"| {name} | {value:.2f} | {value / bare:.2f} |")
    print(f"\nPeak memory of the run's process: {result['peak_memory_mib.host']:.0f} MiB")


if __name__ == "__main__":
    main()
