"""What augmentation adds to a training step, on the batches of a real configuration.

    python -m benchmarks.augmentation experiment=fashion_mnist_best threads=1

Loads the data as ``train.py`` would and times, on the same batches: the fused step of forward and
backward pass, the optimizer's step, and each augmentation in conf/augment that fits the data, with
its parameters from there. Times are those of the CPU, all threads together: other processes disturb
them less than the time on the clock.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from snn.config.assembly import build
from snn.config.compose import resolved
from snn.config.make import make
from snn.config.schema import check
from snn.data.augmentation import Augmentation
from snn.data.augmented import augmented
from snn.data.base import Batch
from snn.training.step import fused_step

CONF = Path(__file__).resolve().parents[1] / "conf"
BATCHES = 20


def milliseconds(work: Callable[[Batch], object], batches: Sequence[Batch]) -> float:
    """Median CPU time of a batch."""
    times = []
    for batch in batches:
        start = time.process_time()
        work(batch)
        times.append(time.process_time() - start)
    return 1e3 * statistics.median(times)


def fitting(analog: bool) -> dict[str, Augmentation]:
    """Every augmentation that works on such data, by name."""
    found = {}
    for file in sorted((CONF / "augment").glob("*.yaml")):
        ((name, node),) = OmegaConf.to_container(OmegaConf.load(file)).items()
        augmentation = make(node)
        if augmentation.works_on(analog):
            found[name] = augmentation
    return found


def main(overrides: Sequence[str]) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = resolved(compose("train", [*overrides, "augment=[]", "logger=none"]))
    check(config)
    torch.set_num_threads(config["threads"] or torch.get_num_threads())
    torch.manual_seed(config["seed"])
    parts = build(config, Path(), progress="none", resume=False)
    module, data = parts.module.train(), parts.datamodule
    batches = list(islice(data.train_dataloader(), BATCHES))
    optimizer = module.make_optimizer(module.parameters())

    def step(batch: Batch) -> None:
        optimizer.zero_grad()
        fused = fused_step(module.network, *batch, module.loss, module.regularizer)
        if fused is None:
            output = module(batch[0])
            loss = module.loss(output.logits, batch[1]) + module.regularizer(output.spike_counts)
        else:
            loss = fused.loss
        loss.backward()
        optimizer.step()

    milliseconds(step, batches)  # warm
    size = len(batches[0][1])
    events = "" if data.analog else f", {batches[0][0].gather().nb_events} events"
    print(
        f"A batch of {size}{events}; {torch.get_num_threads()} threads; CPU milliseconds, medians\n"
    )
    print(f"| | ms |\n|---|---|\n| training step | {milliseconds(step, batches):.2f} |")
    for name, augmentation in fitting(data.analog).items():
        chance = np.random.default_rng(0)
        cost = milliseconds(lambda b, a=augmentation: augmented(b[0], [a], chance), batches)  # noqa: B023
        print(f"| {name} | {cost:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1:])
