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
class RandomState:
    """Of all generators that belong to the process."""

    python: Any
    numpy: Any
    torch: Tensor
    cuda: Tensor | None
    """Of the current device; None before CUDA is used."""

    @classmethod
    def now(cls) -> RandomState:
        cuda = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
        numbers = np.random.get_state()  # noqa: NPY002 - that others may draw from it is the point
        return cls(random.getstate(), numbers, torch.get_rng_state(), cuda)

    def restore(self) -> None:
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        torch.set_rng_state(self.torch)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda)


@dataclass(frozen=True)
class OwnState:
    """Random states, where log records go, and variables of the environment."""

    random: RandomState
    handlers: tuple[logging.Handler, ...]
    level: int
    variables: dict[str, str | None]

    @classmethod
    def now(cls) -> OwnState:
        root = logging.getLogger()
        variables = {name: os.environ.get(name) for name in VARIABLES}
        return cls(RandomState.now(), tuple(root.handlers), root.level, variables)

    def restore(self) -> None:
        self.random.restore()
        root = logging.getLogger()
        root.handlers[:] = self.handlers
        root.setLevel(self.level)
        for name, value in self.variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
