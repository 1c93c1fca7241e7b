"""One training step of several runs: what their networks have in common is launched once.

Each run gets the loss and the gradients that it would get alone, bit for bit
(:mod:`snn.kernels.gpu.together`). Where networks do not fit together, or run on other kernels,
there is nothing to launch once: then each run takes its step by itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snn.events import EventBatch, EventStore
from snn.kernels import StepOutput
from snn.kernels.gpu import steps
from snn.network import SpikingNetwork
from snn.neurons import logits
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import bypassed_any, settings_of


@dataclass
class Step:
    """A training step that a run wants.

    Attributes:
        network, x, labels, loss, regularizer: as of :func:`snn.training.step.fused_step`.
        arguments: of the kernels.
        signature: of networks that can be computed together.
        settings: what decides which kernels run with which numbers; None: not for a graph.
    """

    network: SpikingNetwork
    x: Tensor | EventBatch | EventStore
    labels: Tensor
    loss: ClassificationLoss
    regularizer: SpikeRegularizer
    arguments: dict[str, Any]
    signature: Hashable
    settings: Hashable | None

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Those that want a gradient."""
        return [p for p in self.network.parameters() if p.requires_grad]


def step_of(
    network: nn.Module,
    x: Tensor | EventBatch | EventStore,
    labels: Tensor,
    loss: ClassificationLoss,
    regularizer: SpikeRegularizer,
) -> Step | None:
    """The step, with its dropout masks drawn; None where it can only be taken by itself."""
    if not isinstance(network, SpikingNetwork) or bypassed_any(network, loss, regularizer):
        return None
    if network.backend_for(x) != "gpu" or not network.one_call:
        return None
    if any(layer.reads_input for layer in network.hidden) or not any(
        p.requires_grad for p in network.parameters()
    ):
        return None
    arguments = network.kernel_arguments(x)
    kernels = importlib.import_module("snn.kernels.gpu.together")  # it imports Triton
    signature = kernels.signature(kernels.problem_of(x, **arguments))
    if signature is None:
        return None
    drawn = any(layer.mask is not None for layer in arguments["layers"])
    fixed = not drawn and not isinstance(x, EventStore)
    settings = settings_of(network, loss, regularizer) if fixed else None
    return Step(network, x, labels, loss, regularizer, arguments, signature, settings)


def take(wanted: Sequence[Step | None]) -> list[StepOutput | None]:
    """Results of those that can be computed together with others; None for the rest."""
    results: list[StepOutput | None] = [None] * len(wanted)
    groups: dict[Hashable, list[int]] = {}
    for i, step in enumerate(wanted):
        if step is not None:
            groups.setdefault((step.signature, step.settings is None), []).append(i)
    for places in groups.values():
        if len(places) > 1:
            group = [wanted[i] for i in places]
            for i, output in zip(places, _together(group), strict=True):
                results[i] = output
    return results


def _together(group: Sequence[Step]) -> list[StepOutput]:
    xs, labels = [step.x for step in group], [step.labels for step in group]
    found = None
    if all(step.settings is not None for step in group):

        def anew(xs: Sequence[Any], labels: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
            # The decays of learned time constants are computed from their parameters here, so that
            # a graph holds that too.
            given = [s.network.kernel_arguments(x) for s, x in zip(group, xs, strict=True)]
            return _computed(group, xs, labels, given)

        memory = [t for s in group for t in (*s.network.parameters(), *s.network.buffers())]
        settings = ("together", *(step.settings for step in group))
        found = steps.replayed(group[0].network, settings, anew, memory, xs, labels)
    if found is None:
        found = _computed(group, xs, labels, [step.arguments for step in group])
    outputs, rest = [], list(found)
    for step in group:
        parameters, nb_results = step.parameters, 4 + len(step.network.hidden)
        of_step = rest[:nb_results]
        grads = rest[nb_results : nb_results + len(parameters)]
        rest = rest[nb_results + len(parameters) :]
        of_step = steps.with_gradients(of_step, grads, parameters)
        outputs.append(StepOutput(*of_step[:4], list(of_step[4:])))
    return outputs


def _computed(
    group: Sequence[Step],
    xs: Sequence[Any],
    labels: Sequence[Tensor],
    arguments: Sequence[dict[str, Any]],
) -> tuple[Tensor | None, ...]:
    """Each step's loss, its parts, logits and spike counts, then its gradients."""
    kernels = importlib.import_module("snn.kernels.gpu.together")
    with torch.enable_grad():
        problems = [kernels.problem_of(x, **a) for x, a in zip(xs, arguments, strict=True)]
        results, losses = [], []
        for step, of_labels, (trace, counts) in zip(
            group, labels, kernels.networks(problems), strict=True
        ):
            of_classes = logits(trace, step.network.logit_rule)
            nll, penalty = step.loss(of_classes, of_labels), step.regularizer(counts)
            losses.append(nll + penalty)
            results.append([losses[-1], nll, penalty, of_classes, *counts])
        parameters = [p for step in group for p in step.parameters]
        grads = iter(torch.autograd.grad(losses, parameters, allow_unused=True))
    found: list[Tensor | None] = []
    for step, of_step in zip(group, results, strict=True):
        found += [result.detach() for result in of_step]
        found += [next(grads) for _ in step.parameters]
    return tuple(found)
