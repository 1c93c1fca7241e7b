"""Run a network on the reference and on the kernels and compare everything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from snn.events import EventBatch, EventStore
from snn.kernels import api as ops
from snn.neurons import LIFDynamics, current_encoder, leaky_readout, lif, logits


def random_store(samples: int, steps: int, units: int, density: float, seed: int) -> EventStore:
    """Events with multiplicity: about a fifth of them occur twice."""
    generator = torch.Generator().manual_seed(seed)
    counts = torch.rand(samples, steps, units, generator=generator) < density
    twice = torch.rand(samples, steps, units, generator=generator) < 0.2
    counts = (counts.int() * (1 + twice.int())).flatten()
    flat = torch.arange(counts.numel()).repeat_interleave(counts)
    return EventStore.from_events(
        flat // (steps * units),
        flat // units % steps,
        flat % units,
        nb_samples=samples,
        nb_steps=steps,
        nb_units=units,
    )


@dataclass
class Case:
    """A network and its input, drawn from a seed."""

    batch: int = 5
    steps: int = 20
    inputs: int = 13
    sizes: tuple[int, ...] = (17,)
    classes: int = 3
    density: float = 0.2
    weight_scale: float = 1.0
    recurrent: bool = True
    dynamics: dict[str, Any] = field(default_factory=dict)
    learn: str = "fixed"
    dropout: str | None = None
    rule: str = "max"
    encoder: bool = False
    readout_leak: bool = False
    smoothing: float = 0.0
    regularize: bool = True
    dense_input: bool = False
    seed: int = 0
    dtype: torch.dtype = torch.float64

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        self.lif_dynamics = LIFDynamics(**({"scale": 5.0} | self.dynamics))
        self.labels = torch.randint(self.classes, (self.batch,))
        self.parameters: dict[str, Tensor] = {}
        if self.encoder:
            self.x: Tensor | EventBatch = torch.randn(self.batch, self.steps, 4).to(self.dtype) * 2
            inputs = 4 * self.inputs
            self.parameters["encoder.gain"] = torch.randn(inputs) * 3
            self.parameters["encoder.bias"] = torch.randn(inputs)
        else:
            inputs = self.inputs
            store = random_store(self.batch + 3, self.steps, inputs, self.density, self.seed)
            self.x = EventBatch(store, torch.randperm(self.batch + 3)[: self.batch])
            if self.dense_input:
                self.x = self.x.to_dense(self.dtype)
        self.masks: list[Tensor | None] = []
        for i, units in enumerate(self.sizes):
            scale = self.weight_scale
            self.parameters[f"{i}.weight"] = (
                scale * (torch.randn(inputs, units) + 0.3) / inputs**0.5
            )
            if self.recurrent:
                self.parameters[f"{i}.recurrent"] = (
                    scale * 0.5 * torch.randn(units, units) / units**0.5
                )
            if self.learn != "fixed":
                shape = () if self.learn == "layer" else (units,)
                self.parameters[f"{i}.alpha"] = 0.6 + 0.3 * torch.rand(shape)
                self.parameters[f"{i}.beta"] = 0.6 + 0.3 * torch.rand(shape)
            mask = None
            if self.dropout:
                steps = 1 if self.dropout == "sample" else self.steps
                mask = (torch.rand(self.batch, steps, units) < 0.7).to(self.dtype) / 0.7
            self.masks.append(mask)
            inputs = units
        self.parameters["readout"] = torch.randn(inputs, self.classes) / inputs**0.5
        self.parameters = {
            name: value.to(self.dtype).requires_grad_() for name, value in self.parameters.items()
        }

    def constants(self, layer: int) -> tuple[Tensor | float, Tensor | float]:
        if self.learn == "fixed":
            return 0.82, 0.9
        return self.parameters[f"{layer}.alpha"], self.parameters[f"{layer}.beta"]

    def reference(self) -> tuple[Tensor, list[Tensor]]:
        """Trace and counts from the einsum reference."""
        p = self.parameters
        x = self.x if isinstance(self.x, Tensor) else self.x.to_dense(self.dtype)
        if self.encoder:
            x, _, _ = current_encoder(x, p["encoder.gain"], p["encoder.bias"], 0.85, scale=5.0)
        counts = []
        for i, mask in enumerate(self.masks):
            weights = p[f"{i}.weight"], p.get(f"{i}.recurrent")
            s, _, _ = lif(x, *weights, *self.constants(i), self.lif_dynamics, mask=mask)
            counts.append(s.sum(1))
            x = s if mask is None else s * mask
        trace, _ = leaky_readout(x, p["readout"], 0.8, 0.88, leak_scaled_input=self.readout_leak)
        return trace, counts

    def layers(self) -> list[ops.LIFParameters]:
        p = self.parameters
        return [
            ops.LIFParameters(
                p[f"{i}.weight"],
                p.get(f"{i}.recurrent"),
                *self.constants(i),
                self.lif_dynamics,
                mask,
            )
            for i, mask in enumerate(self.masks)
        ]

    def readout(self) -> ops.ReadoutParameters:
        return ops.ReadoutParameters(self.parameters["readout"], 0.8, 0.88, self.readout_leak)

    def encoder_parameters(self) -> ops.EncoderParameters | None:
        if not self.encoder:
            return None
        p = self.parameters
        return ops.EncoderParameters(p["encoder.gain"], p["encoder.bias"], 0.85, scale=5.0)

    def kernels(self) -> tuple[Tensor, list[Tensor]]:
        """The same from the kernels."""
        return ops.network(self.x, self.layers(), self.readout(), self.encoder_parameters())

    def training_step(self, class_weights: Tensor | None, spike_rate: float) -> ops.StepOutput:
        """The fused step."""
        return ops.training_step(
            self.x,
            self.labels,
            self.layers(),
            self.readout(),
            self.encoder_parameters(),
            class_weights,
            spike_rate,
            self.smoothing,
        )

    def gradients(self, loss: Tensor) -> dict[str, Tensor]:
        """Of all parameters, by name; zero where the loss does not depend on one."""
        if not loss.requires_grad:
            return {name: torch.zeros_like(p) for name, p in self.parameters.items()}
        grads = torch.autograd.grad(loss, list(self.parameters.values()), allow_unused=True)
        return {
            name: torch.zeros_like(p) if grad is None else grad
            for (name, p), grad in zip(self.parameters.items(), grads, strict=True)
        }

    def loss(self, trace: Tensor, counts: list[Tensor]) -> Tensor:
        loss = torch.nn.functional.cross_entropy(
            logits(trace, self.rule), self.labels, label_smoothing=self.smoothing
        )
        if self.regularize:
            for n in counts:
                loss = loss + 1e-2 * n.sum() + 1e-3 * n.sum(0).square().mean()
        return loss


TOLERANCE = 1e-10


def error(actual: Tensor, expected: Tensor) -> float:
    """Relative error of a tensor: its largest deviation over its largest expected value.

    Not entry by entry: where the terms of a sum cancel, an entry far smaller than its tensor is
    rounding error in either order of summation.
    """
    if expected.numel() == 0:
        return 0.0
    scale = expected.abs().max().item()
    return (actual - expected).abs().max().item() / (scale or 1.0)


@dataclass
class Expected:
    """What the reference makes of a case; computed once for all that are drawn alike."""

    trace: Tensor
    counts: list[Tensor]
    loss: Tensor
    gradients: dict[str, Tensor]

    @classmethod
    def of(cls, case: Case) -> Expected:
        drawn = repr(case)
        if drawn not in _computed:
            trace, counts = case.reference()
            loss = case.loss(trace, counts)
            gradients = case.gradients(loss)
            detached = [n.detach() for n in counts]
            _computed[drawn] = cls(trace.detach(), detached, loss.detach(), gradients)
        return _computed[drawn]


_computed: dict[str, Expected] = {}


def assert_same(case: Case, tolerance: float = TOLERANCE) -> None:
    """Trace, spike counts, loss and every gradient agree."""
    trace, counts = case.kernels()
    expected = Expected.of(case)
    for n, expected_n in zip(counts, expected.counts, strict=True):
        assert torch.equal(n, expected_n)
    assert error(trace, expected.trace) <= tolerance
    loss = case.loss(trace, counts)
    assert error(loss, expected.loss) <= tolerance
    _assert_same_gradients(case, loss, expected.gradients, tolerance)


def assert_same_fused(case: Case, tolerance: float = TOLERANCE) -> None:
    """The fused step's logits, counts, loss and every gradient agree."""
    weights = None  # there is no fused step of smoothed labels of weighted classes
    if not case.smoothing:
        weights = torch.linspace(0.5, 2.0, case.classes, dtype=case.dtype)
    rate = 1e-2 if case.regularize else 0.0
    trace, counts = case.reference()
    nll = torch.nn.functional.cross_entropy(
        trace.max(1).values, case.labels, weights, label_smoothing=case.smoothing
    )
    expected = nll + rate * sum(n.sum() for n in counts)
    step = case.training_step(weights, rate)
    assert error(step.nll, nll) <= tolerance
    assert error(step.loss, expected) <= tolerance
    assert error(step.logits, trace.max(1).values) <= tolerance
    for n, expected_n in zip(step.spike_counts, counts, strict=True):
        assert torch.equal(n, expected_n)
    _assert_same_gradients(case, 3.0 * step.loss, case.gradients(3.0 * expected), tolerance)


def _assert_same_gradients(
    case: Case, loss: Tensor, wanted: dict[str, Tensor], tolerance: float
) -> None:
    for name, grad in case.gradients(loss).items():
        assert error(grad, wanted[name]) <= tolerance, name
