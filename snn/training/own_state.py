"""What a run finds in its process and changes there: several runs in one process swap it."""

from __future__ import annotations

import logging
import os
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Lightning's record of the last seed.
VARIABLES = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS")


@dataclass(frozen=True)
class TorchState:
    """Of PyTorch's random numbers."""

    cpu: Tensor
    cuda: Tensor | None
    """Of the current device; None before CUDA is used."""

    @classmethod
    def now(cls) -> TorchState:
        cuda = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
        return cls(torch.get_rng_state(), cuda)

    def restore(self) -> None:
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda)


@dataclass(frozen=True)
class OwnState:
    """Random states, where log records go, and variables of the environment.

    NumPy's global generator is exchanged as a whole: to read and write its state takes as long as
    all the rest of a training step's bookkeeping.
    """

    torch: TorchState
    python: Any
    numpy: Any
    handlers: tuple[logging.Handler, ...]
    level: int
    variables: dict[str, str | None]

    @classmethod
    def now(cls) -> OwnState:
        root = logging.getLogger()
        return cls(
            torch=TorchState.now(),
            python=random.getstate(),
            numpy=np.random.get_bit_generator(),
            handlers=tuple(root.handlers),
            level=root.level,
            variables={name: os.environ.get(name) for name in VARIABLES},
        )

    def restore(self) -> None:
        """Go on where the state was taken."""
        self.torch.restore()
        random.setstate(self.python)
        np.random.set_bit_generator(self.numpy)
        root = logging.getLogger()
        root.handlers[:] = self.handlers
        root.setLevel(self.level)
        for name, value in self.variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def begin(self) -> None:
        """Start a run from this state, with a generator of its own."""
        self.restore()
        own = np.random.MT19937()
        own.state = self.numpy.state
        np.random.set_bit_generator(own)
