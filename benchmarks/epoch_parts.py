"""Where the time of an epoch of real training goes.

    python -m benchmarks.epoch_parts experiment=fashion_mnist trainer.max_epochs=5

Runs ``train.py`` with these arguments in this process, with a clock around the functions in
``PARTS``, the optimizer, loggers, callbacks and data loaders. Time belongs to the innermost of
them; what none of them has is Lightning's own. "Around the kernel" are its arguments, loss and
regulariser.
"""

from __future__ import annotations

import contextlib
import functools
import runpy
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from benchmarks.machine import Quiet, description
from snn.kernels.cpu.call import Call
from snn.training.callbacks import Checkpoint, GradientNorms, SpikeRaster
from snn.training.metrics import SplitMetrics
from snn.training.module import SpikingClassifier

LIGHTNING = "Lightning"
# part -> functions, as owner and name
PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "kernel": ((Call, "run"),),
    "around the kernel": ((SpikingClassifier, "step"),),
    "autograd": ((torch.Tensor, "backward"),),
    "metrics": ((SplitMetrics, "update"), (SplitMetrics, "compute"), (SplitMetrics, "reset")),
    "logging": ((pl.LightningModule, "log"),),
}
CALLBACKS = {Checkpoint: "checkpoints", GradientNorms: "gradient norms", SpikeRaster: "rasters"}


class Clock:
    """Seconds by phase (training, validation) and part; time is the innermost part's."""

    def __init__(self) -> None:
        self.seconds: Counter[tuple[str, str]] = Counter()
        self.phase = "training"
        self.running = False
        self._parts: list[str] = [LIGHTNING]
        self._since = 0.0

    def _charge(self) -> None:
        now = time.perf_counter()
        if self.running:
            self.seconds[self.phase, self._parts[-1]] += now - self._since
        self._since = now

    def switch(self, phase: str, *, running: bool) -> None:
        """From now on time belongs to another phase, or is not counted."""
        self._charge()
        self.phase, self.running = phase, running

    def timed(self, part: str, function: Callable) -> Callable:
        """The function, its time charged to a part."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self._charge()
            self._parts.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                self._charge()
                self._parts.pop()

        return wrapper

    def wrap(self, part: str, owner: Any, name: str) -> None:
        """Time an attribute of a class, an object or a module."""
        setattr(owner, name, self.timed(part, getattr(owner, name)))


class Watch(pl.Callback):
    """Counts from the start of training to its end, and tells validation from training."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        (optimizer,) = trainer.optimizers
        step = optimizer.step

        @functools.wraps(step)
        def step_without_closure(closure: Callable | None = None) -> Any:
            # Lightning computes loss and gradients in here.
            return step(closure and self.clock.timed(LIGHTNING, closure))

        optimizer.step = step_without_closure
        self.clock.wrap("optimizer", optimizer, "step")
        self.clock.wrap("optimizer", optimizer, "zero_grad")
        for logger in trainer.loggers:
            for name in ("log_metrics", "log_hyperparams", "save"):
                self.clock.wrap("logging", logger, name)
        for callback in trainer.callbacks:
            if callback is not self:
                part = CALLBACKS.get(type(callback), "other callbacks")
                for name, nothing in vars(pl.Callback).items():
                    own = getattr(type(callback), name)
                    if name.startswith("on_") and own is not nothing:
                        self.clock.wrap(part, callback, name)
        self.clock.switch("training", running=True)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.clock.switch("validation", running=self.clock.running)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.clock.switch("training", running=self.clock.running)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.clock.switch("training", running=False)


def _time_data(clock: Clock) -> None:
    """Charge the making of batches to the data."""

    class Timed:
        def __init__(self, iterator: Iterator) -> None:
            self.next = clock.timed("data", iterator.__next__)

        def __iter__(self) -> Iterator:
            return self

        def __next__(self) -> Any:
            return self.next()

    make = DataLoader.__iter__
    DataLoader.__iter__ = lambda loader: Timed(make(loader))


def measure(arguments: list[str]) -> tuple[Clock, Quiet, int]:
    """Train with a clock; also what others took of the machine meanwhile, and the epochs."""
    clock, quiet, epochs = Clock(), Quiet(), 0
    for part, functions in PARTS.items():
        for owner, name in functions:
            clock.wrap(part, owner, name)
    _time_data(clock)
    fit = pl.Trainer.fit

    def watched(trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        nonlocal epochs
        trainer.callbacks.insert(0, Watch(clock))
        with quiet:
            fit(trainer, *args, **kwargs)
        epochs = trainer.current_epoch

    pl.Trainer.fit = watched
    script = Path(__file__).parents[1] / "train.py"
    with tempfile.TemporaryDirectory() as folder:
        sys.argv = [str(script), f"hydra.run.dir={folder}/run", "progress=none", *arguments]
        with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit):
            runpy.run_path(str(script), run_name="__main__")
    return clock, quiet, epochs


def table(clock: Clock, epochs: int) -> list[str]:
    """Lines in Markdown, the largest part first."""
    whole = sum(clock.seconds.values())
    lines = ["| part | training, ms | validation, ms | share |", "|---|---|---|---|"]
    totals: Counter[str] = Counter()
    for (_, part), seconds in clock.seconds.items():
        totals[part] += seconds
    for part, total in totals.most_common():
        values = (1e3 * clock.seconds[phase, part] / epochs for phase in ("training", "validation"))
        lines.append(f"| {part} | {' | '.join(f'{v:.0f}' for v in values)} | {total / whole:.1%} |")
    sums = [
        1e3 * sum(s for (p, _), s in clock.seconds.items() if p == phase) / epochs
        for phase in ("training", "validation")
    ]
    return [*lines, f"| an epoch | {sums[0]:.0f} | {sums[1]:.0f} | 100% |"]


def main() -> None:
    arguments = sys.argv[1:]
    clock, quiet, epochs = measure(arguments)
    if not epochs:
        sys.exit("the run failed; see above")
    print(f"`{' '.join(['python -m benchmarks.epoch_parts', *arguments])}`,")
    print(f"{description()}, {torch.get_num_threads()} threads, {epochs} epochs; {quiet}.\n")
    print("\n".join(table(clock, epochs)))


if __name__ == "__main__":
    main()
