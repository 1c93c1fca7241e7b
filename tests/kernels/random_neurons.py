"""Neurons whose step is drawn at random, within what a step may do."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import torch

from snn.neurons import Neuron, Parameter, State

_KINDS = (
    *("add", "sub", "mul", "div", "tanh", "sigmoid", "exp", "abs", "where"),
    *("max", "min", "neg", "relu", "clamp", "floor", "same", "cos", "sin"),
)


@dataclass(frozen=True)
class Drawn(Neuron):
    """One to four states; the step is drawn from a seed, the same at every call."""

    seed: int = 0
    nb_states: int = 2

    def step(self, s, h, p):
        rng = random.Random(self.seed)
        states = [getattr(s, name) for name in self.states]
        constants = [getattr(p, name) for name in self.parameters]
        # what the drive reaches at once, or one or two steps later
        late = rng.choice((0, 0, 1, 2)) if self.nb_states > 1 else rng.choice((0, 1))
        leaves = [*states, *constants]
        if late == 0:
            compared = 0.8 * states[0] + h + 0.3 * self._drawn(rng, leaves, 2)
        else:
            compared = states[0]

        def after(z):
            known = [*leaves, z, z.detach(), compared]
            new = []
            for i, state in enumerate(states):
                drive = 0.0
                if late == 0 or (late == 1 and i == 0) or (late == 2 and i == 1):
                    drive = h
                elif late == 2 and i == 0:
                    drive = states[1]
                mixed = self._drawn(rng, known, 2)
                kept = rng.choice((1.0, 1 - z, 1 - 0.5 * z.detach()))
                new.append((0.6 * state + 0.3 * mixed) * kept + drive - 0.2 * z)
            return dict(zip(self.states, new, strict=True))

        return compared, after

    def _drawn(self, rng: random.Random, leaves: list[Any], depth: int) -> Any:
        """A bounded expression."""
        if depth == 0:
            return rng.choice(leaves)
        kind = rng.choice(_KINDS)
        x, y = self._drawn(rng, leaves, depth - 1), self._drawn(rng, leaves, depth - 1)
        match kind:
            case "add":
                return 0.5 * (x + y)
            case "sub":
                return x - 0.7 * y
            case "mul":
                return torch.tanh(x) * y
            case "div":
                return x / (1.5 + y * y)
            case "cos":
                return torch.cos(x) * y
            case "sin":
                return torch.sin(x - y)
            case "tanh":
                return torch.tanh(x)
            case "sigmoid":
                return torch.sigmoid(x) * y
            case "exp":
                return torch.exp(-(x * x)) + 0.1 * y
            case "abs":
                return x.abs() - 0.5 * y
            case "where":
                return torch.where(x > 0.3, y, 0.2 * x)
            case "max":
                return torch.maximum(x, 0.5 * y)
            case "min":
                return torch.minimum(x, y)
            case "neg":
                return -x
            case "relu":
                return torch.relu(x)
            case "floor":
                return torch.clamp(x, min=0.0) - 0.1 * y
            case "same":
                return torch.where(x == y, 0.5 * x, 0.2 * y)
        return torch.clamp(x, -0.8, 0.9) + 0.1 * y


def drawn(seed: int) -> Neuron:
    """A neuron of one to four states and one to three parameters."""
    rng = random.Random(seed)
    nb_states = rng.randint(1, 4)
    body: dict[str, Any] = {
        f"x{i}": State(rng.choice((0.0, 0.0, 0.4, -0.3))) for i in range(nb_states)
    }
    body |= {f"p{i}": Parameter((0.2, 0.9)) for i in range(rng.randint(1, 3))}
    cls = dataclass(frozen=True)(type(f"Drawn{seed}", (Drawn,), body))
    return cls(seed=seed, nb_states=nb_states)
