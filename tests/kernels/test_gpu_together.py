"""Several networks in one launch: each gets the numbers that it gets alone, bit for bit.

Without a GPU Triton's interpreter runs the kernels; on one they are compiled.
"""

from __future__ import annotations

import pytest
import torch

from snn import kernels
from snn.events import EventBatch
from snn.network import SpikingNetwork
from snn.network.delays import DelayOptions
from snn.network.layers import CurrentEncoder, LeakyReadout, RecurrentLIF
from snn.network.neuron_layer import NeuronLayer
from snn.neurons import LIF as MembraneLIF
from snn.neurons import LIFDynamics, RadLIF, SEAdLIF
from tests.kernels.compare import random_store
from tests.kernels.gpu_case import DEVICE, needs_cuda, needs_triton
from tests.kernels.pairs import pairwise, title

pytestmark = needs_triton
LABELS = torch.tensor([0, 2, 1, 1], device=DEVICE)
STEPS, INPUTS = 9, 12
MODELS = (  # what may differ between networks of one launch
    {"seed": 1, "scale": 5.0, "threshold": 0.2, "rate": 1e-2, "beta": 0.9},
    {"seed": 2, "scale": 20.0, "threshold": 0.3, "rate": 0.0, "beta": 0.8},
    {"seed": 3, "scale": 1.0, "threshold": 0.1, "rate": 3e-2, "beta": 0.95},
)


def lif(inputs, units, of, **layer):
    dynamics = {k: layer.pop(k) for k in ("reset", "detach_reset", "recurrence") if k in layer}
    dynamics = LIFDynamics(scale=of["scale"], threshold=of["threshold"], **dynamics)
    return RecurrentLIF(inputs, units, 0.8, of["beta"], dynamics, weight_scale=6.0, **layer)


def declared(kind):
    def make(inputs, units, of, **layer):
        neuron = kind(threshold=of["threshold"])
        return NeuronLayer(inputs, units, neuron, scale=of["scale"], weight_scale=8.0, **layer)

    return make


def network_of(of, make=lif, sizes=(9,), analog=False, dtype=torch.float32, **layer):
    torch.manual_seed(of["seed"])
    inputs, hidden = 2 * 5 if analog else INPUTS, []
    for units in sizes:
        hidden.append(make(inputs, units, of, **layer))
        inputs = units
    encoder = CurrentEncoder(2, 5, 0.9, scale=of["scale"]) if analog else None
    readout = LeakyReadout(inputs, 3, 0.8, of["beta"])
    return SpikingNetwork(hidden, readout, encoder, backend="gpu").to(DEVICE, dtype)


def input_of(of, analog=False):
    """Each network has a batch of its own."""
    if analog:
        g = torch.Generator().manual_seed(of["seed"])
        return (30 * torch.randn(len(LABELS), STEPS, 2, generator=g)).to(DEVICE)
    index = torch.randperm(6, generator=torch.Generator().manual_seed(of["seed"]))[: len(LABELS)]
    return EventBatch(random_store(6, STEPS, INPUTS, 0.3, 3), index).to(DEVICE)


def problems_of(networks, analog):
    """Each with its dropout masks, and the random numbers that draw them."""
    from snn.kernels.gpu.together import problem_of

    problems = []
    for of, network in zip(MODELS, networks, strict=False):
        torch.manual_seed(of["seed"])
        x = input_of(of, analog)
        problems.append(problem_of(x, **network.kernel_arguments(x)))
    return problems


def results(network, of, trace, counts):
    """Everything that one network gets of a step."""
    loss = torch.nn.functional.cross_entropy(trace.amax(1), LABELS)
    loss = loss + of["rate"] * sum(n.sum() for n in counts)
    grads = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
    return {"trace": trace, "counts": counts[0], "loss": loss} | {
        name: grad for (name, _), grad in zip(network.named_parameters(), grads, strict=True)
    }


def assert_same_together(models=MODELS[:2], analog=False, **options):
    from snn.kernels.gpu import together

    networks = [network_of(of, analog=analog, **options) for of in models]
    problems = problems_of(networks, analog)
    assert len({together.signature(p) for p in problems}) == 1
    at_once = together.networks(problems)
    for of, network, problem, (trace, counts) in zip(
        models, networks, problems, at_once, strict=True
    ):
        x, *given = problem
        alone = results(network, of, *kernels.network(x.x, *given, backend="gpu"))
        assert alone["counts"].sum() > 0
        assert alone["hidden.0.weight"].any()
        assert alone["readout.weight"].any()
        for name, value in results(network, of, trace, counts).items():
            assert torch.equal(value, alone[name]), name


OPTIONS = {
    "sizes": [(9,), (17, 6)],
    "analog": [False, True],
    "recurrent": [True, False],
    "reset": ["zero", "subtract"],
    "detach_reset": [True, False],
    "recurrence": ["previous", "current"],
    "learn_alpha": ["fixed", "layer"],
    "learn_beta": ["fixed", "neuron"],
    "dropout": [0.0, 0.3],
    "dropout_mask": ["sample", "step"],
}
ALL = {"learn_alpha": "layer", "learn_beta": "neuron", "dropout": 0.3, "dropout_mask": "step"}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(ALL | {"detach_reset": False}, id="all options"),
        *(pytest.param(o, id=title(o), marks=pytest.mark.long) for o in pairwise(OPTIONS)),
    ],
)
def test_lif_networks(options):
    assert_same_together(**options)


@pytest.mark.long
def test_three_networks():
    assert_same_together(MODELS, **ALL)


@pytest.mark.parametrize(
    "options",
    [
        {"make": declared(SEAdLIF), "bias": True, "learn": {"a": "neuron"}},
        pytest.param(
            {"make": declared(RadLIF), "recurrent": False, "dropout": 0.3, "sizes": (9, 6)},
            marks=pytest.mark.long,
        ),
        pytest.param(
            {
                "make": declared(MembraneLIF),
                "delays": DelayOptions(recurrent=(0, 3), most=3),
                "dropout": 0.3,
            },
            marks=pytest.mark.long,
        ),
    ],
    ids=["SEAdLIF", "RadLIF", "LIF with delays"],
)
def test_networks_of_declared_neurons(options):
    assert_same_together(**options)


@needs_cuda
@pytest.mark.parametrize("name", ["fmnist", "shd", "tbl"])
def test_training_at_real_size(name):
    from benchmarks.gpu_contenders import DeviceProblem
    from benchmarks.together import at_once, in_turn, make_points, same
    from benchmarks.workloads import WORKLOADS

    problem = DeviceProblem.draw_on(WORKLOADS[name], DEVICE)
    turn, once, untouched = (make_points(problem, 3) for _ in range(3))
    steps = in_turn(turn, problem), at_once(once, problem)
    for _ in range(5):
        for step in steps:
            step()
    assert same(turn, once)
    assert not same(turn, untouched)


def test_what_differs_in_shape_is_not_computed_together():
    from snn.kernels.gpu import together

    def signature(**options):
        network = network_of(MODELS[0], **options)
        x = input_of(MODELS[0])
        return together.signature(together.problem_of(x, **network.kernel_arguments(x)))

    usual = signature()
    assert usual == signature()
    for other in (
        {"sizes": (10,)},
        {"recurrent": False},
        {"reset": "subtract"},
        {"learn_beta": "neuron"},
        {"dropout": 0.3},
        {"make": declared(SEAdLIF)},
        {"dtype": torch.float64},
    ):
        assert signature(**other) != usual
    assert signature(sizes=(1100,)) is None
