"""A callback that holds a run in the midst of an epoch, for a test that wants to strike there."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytorch_lightning as pl

VARIABLE = "SNN_TEST_HOLD"


class Hold(pl.Callback):
    """Waits in the third epoch for as long as the file that the variable names is there.

    The file says who waits: it is made with the id of the process.
    """

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        if (place := os.environ.get(VARIABLE)) and trainer.current_epoch == 2:
            part = Path(f"{place}.part")
            part.write_text(str(os.getpid()))
            part.rename(place)
            while Path(place).exists():
                time.sleep(0.01)


HOLD = f"+callbacks.hold._target_={__name__}.Hold"
