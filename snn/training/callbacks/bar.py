"""Progress in a terminal: one line that is drawn over itself and is gone when all is done."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.live import Live
from rich.text import Text

SECONDS_BETWEEN = 0.1
SHORTEST, LONGEST = 8, 40  # columns of the bar itself
VALUES = {"loss": "running/loss", "train": "train/accuracy", "val": "val/accuracy"}


def duration(seconds: float) -> str:
    """Hours, minutes and seconds: ``0:02:05``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def line(head: str, share: float, tail: str, width: int, *, ascii_only: bool = False) -> Text:
    """Head, bar and tail in one line of a terminal; without a bar where there is no room for it."""
    full, empty = ("#", "-") if ascii_only else ("━", "─")
    room = min(LONGEST, width - len(head) - len(tail) - 3)
    text = Text(head, no_wrap=True, overflow="crop", end="")
    if room >= SHORTEST:
        done = round(room * min(1.0, share))
        text.append(" ").append(full * done, "cyan").append(empty * (room - done), "dim")
    text.append(f" {tail}")
    text.truncate(width - 1, overflow="crop")  # a full line may move the cursor to the next
    return text


class ProgressLine(pl.Callback):
    """Epoch, batches, time left, loss and accuracies, in a line of the terminal.

    Lines that are logged meanwhile appear above it.

    Args:
        console: where to draw; None: standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._live: Live | None = None
        self._moved: list[tuple[logging.StreamHandler, Any]] = []
        self._drawn = self._start = 0.0
        self._first_epoch = self._measured = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start, self._first_epoch = time.monotonic(), trainer.current_epoch
        self._begin()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, out: Any, batch: Any, index: int
    ) -> None:
        self._draw_epoch(trainer, (index + 1))

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if not trainer.sanity_checking:
            self._draw_epoch(trainer, int(trainer.num_training_batches))

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._measured = 0
        self._begin()

    def on_test_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self._measured += 1
        total = int(sum(trainer.num_test_batches))
        self._draw("measuring", self._measured / total, f"{self._measured}/{total}")

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._end()

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._end()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self._end()

    def _draw_epoch(self, trainer: pl.Trainer, batch: int) -> None:
        epoch, epochs = trainer.current_epoch, trainer.max_epochs or 0
        batches = max(1, int(trainer.num_training_batches))
        done = epoch - self._first_epoch + batch / batches
        left = (time.monotonic() - self._start) / done * (epochs - self._first_epoch - done)
        tail = [f"{batch}/{batches}", f"{duration(max(0.0, left))} left"]
        known = trainer.callback_metrics
        for name, key in VALUES.items():
            if key in known:
                value = float(known[key])
                tail.append(f"{name} {value:.3g}" if name == "loss" else f"{name} {value:.1%}")
        self._draw(f"epoch {epoch + 1}/{epochs}", batch / batches, "  ".join(tail))

    def _draw(self, head: str, share: float, tail: str) -> None:
        now = time.monotonic()
        if self._live is None or now - self._drawn < SECONDS_BETWEEN:
            return
        self._drawn = now
        plain = not self.console.encoding.startswith("utf")
        text = line(head, share, tail, self.console.width, ascii_only=plain)
        self._live.update(text, refresh=True)

    def _begin(self) -> None:
        if self._live is not None:
            return
        self._live = Live(
            Text(""),
            console=self.console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # what goes to a file stays there
        )
        before = {id(sys.stdout): "stdout", id(sys.stderr): "stderr"}
        self._live.start()
        # Logs were given the streams themselves, which the live line has replaced by others that
        # write above it.
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and id(handler.stream) in before:
                self._moved.append((handler, handler.stream))
                handler.setStream(getattr(sys, before[id(handler.stream)]))

    def _end(self) -> None:
        if self._live is None:
            return
        live, self._live = self._live, None
        for handler, stream in self._moved:
            handler.setStream(stream)
        self._moved = []
        live.update(Text(""))
        live.stop()
