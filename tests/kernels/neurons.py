"""Layers of declared neurons on the reference and on the kernels, and random neurons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from snn import kernels
from snn.neurons import Neuron, neuron_layer
from tests.kernels.compare import error


@dataclass
class LayerCase:
    """A layer of a neuron and its input, drawn from a seed."""

    neuron: Neuron
    batch: int = 4
    steps: int = 20
    inputs: int = 9
    units: int = 17
    recurrent: bool = True
    bias: bool = False
    learn: bool = True
    recurrence: str = "previous"
    dropout: bool = False
    density: float = 0.4
    weight_scale: float = 3.0
    limits: dict[str, tuple[float, float]] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        g = torch.Generator().manual_seed(self.seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=g, dtype=torch.float64)

        self.x = (
            torch.rand(self.batch, self.steps, self.inputs, generator=g) < self.density
        ).double()
        self.leaves: dict[str, Tensor] = {
            "weight": self.weight_scale * normal(self.inputs, self.units)
        }
        if self.recurrent:
            self.leaves["recurrent"] = 0.5 * normal(self.units, self.units) / self.units**0.5
        if self.bias:
            self.leaves["bias"] = normal(self.units)
        self.mask = None
        if self.dropout:
            shape = self.batch, self.steps, self.units
            self.mask = (torch.rand(shape, generator=g) < 0.7).double() / 0.7
        values = {}
        for name, p in self.neuron.parameters.items():
            ends = p.initial if isinstance(p.initial, tuple) else (p.initial, p.initial)
            low, high = self.limits.get(name, ends)
            drawn = low + (high - low) * torch.rand(self.units, generator=g, dtype=torch.float64)
            values[name] = torch.exp(-1.0 / drawn) if p.is_time_constant else drawn
        self.fixed = {} if self.learn else values
        if self.learn:
            self.leaves |= values
        self.leaves = {name: t.requires_grad_() for name, t in self.leaves.items()}
        self.grad_spikes = normal(self.batch, self.steps, self.units)
        self.grad_counts = normal(self.batch, self.units)

    @property
    def given(self) -> tuple[Any, ...]:
        values = {n: self.leaves.get(n, self.fixed.get(n)) for n in self.neuron.parameters}
        leaves = self.leaves
        return leaves["weight"], leaves.get("recurrent"), self.neuron, values

    @property
    def options(self) -> dict[str, Any]:
        return {
            "bias": self.leaves.get("bias"),
            "surrogate": "fast_sigmoid",
            "scale": 2.0,
            "recurrence": self.recurrence,
            "mask": self.mask,
        }

    def reference(self) -> tuple[Tensor, Tensor]:
        spikes, _, _ = neuron_layer(self.x, *self.given, **self.options)
        sent = spikes if self.mask is None else spikes * self.mask
        return sent, spikes.sum(1)

    def kernels(self, backend: str) -> tuple[Tensor, Tensor]:
        layer = kernels.NeuronParameters(*self.given, **self.options)
        return kernels.neuron_layer(self.x, layer, backend=backend)

    def gradients(self, sent: Tensor, counts: Tensor) -> dict[str, Tensor]:
        loss = (sent * self.grad_spikes).sum() + (counts * self.grad_counts).sum()
        if not loss.requires_grad:
            return {name: torch.zeros_like(t) for name, t in self.leaves.items()}
        leaves = list(self.leaves.values())
        found = torch.autograd.grad(loss, leaves, allow_unused=True, retain_graph=True)
        return {
            name: torch.zeros_like(t) if grad is None else grad
            for (name, t), grad in zip(self.leaves.items(), found, strict=True)
        }


def assert_same_layer(case: LayerCase, backend: str = "cpu", tolerance: float = 1e-10) -> None:
    """Spikes are equal, counts too, and every gradient agrees."""
    expected, actual = case.reference(), case.kernels(backend)
    assert torch.equal(actual[0], expected[0])
    assert torch.equal(actual[1], expected[1])
    wanted = case.gradients(*expected)
    for name, grad in case.gradients(*actual).items():
        assert error(grad, wanted[name]) <= tolerance, name
