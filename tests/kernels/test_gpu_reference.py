"""The GPU kernels compute what the einsum reference computes: spikes, trace and every gradient.

Without a GPU Triton's interpreter runs them, at small sizes; with one the same cases run at small
and at real sizes.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn import kernels
from snn.events import EventStore
from snn.kernels.surrogates import COMPILED
from snn.neurons import lif
from tests.kernels.compare import assert_same, error
from tests.kernels.gpu_case import DEVICE, GPUCase, at_real_size, needs_cuda, needs_triton, wide
from tests.kernels.pairs import pairwise, title

pytestmark = needs_triton

DYNAMICS = {
    "reset": ["zero", "subtract"],
    "detach_reset": [True, False],
    "recurrence": ["previous", "current"],
    "leak_scaled_input": [False, True],
    "initial_potential": [0.0, 0.7],
}
PAIRS = pairwise(
    DYNAMICS
    | {
        "input": ["events", "counts", "encoder"],
        "sizes": [(9,), (9, 5)],
        "recurrent": [True, False],
        "learn": ["fixed", "layer", "neuron"],
        "dropout": [None, "sample", "step"],
        "weight_scale": [2.0, 9.0],
        "readout_leak": [False, True],
        "steps": [8, 3],
    }
)
# Run by the interpreter in the quick tier too: shapes and rates at the edges.
ALWAYS = {
    *("one step", "two steps", "weights streamed", "no multiple of 16 rows", "33 classes"),
    *("one of everything", "no events", "all units fire", "no neuron fires", "several programs"),
}
ATTACHED = {"detach_reset": False}
LEAKY = {"leak_scaled_input": True}
CASES = {
    "recurrent": {},
    "feed-forward": {"recurrent": False},
    "two layers": {"sizes": (9, 5)},
    "three feed-forward layers": {"sizes": (9, 17, 5), "recurrent": False},
    "subtractive reset": {"dynamics": {"reset": "subtract"}},
    "attached reset": {"dynamics": ATTACHED},
    "attached subtractive reset": {"dynamics": ATTACHED | {"reset": "subtract"}},
    "recurrence from the current step": {"dynamics": {"recurrence": "current"}},
    "the same, attached": {"dynamics": ATTACHED | {"recurrence": "current"}},
    "leak-scaled input": {"dynamics": LEAKY, "weight_scale": 9.0, "readout_leak": True},
    "threshold": {"dynamics": ATTACHED | {"threshold": 0.6, "reset": "subtract"}},
    "initial potential": {"dynamics": {"initial_potential": 0.7}},
    "learned constants per layer": {"learn": "layer"},
    "learned constants per neuron": {
        "learn": "neuron",
        "sizes": (9, 5),
        "dynamics": LEAKY | ATTACHED,
        "weight_scale": 9.0,
    },
    "learned, current, subtractive": {
        "learn": "neuron",
        "dynamics": {"recurrence": "current", "reset": "subtract"},
    },
    "learned, feed-forward": {"learn": "neuron", "recurrent": False},
    "dropout held over time": {"dropout": "sample", "sizes": (9, 5)},
    "dropout per step": {"dropout": "step", "sizes": (9, 5)},
    "dropout, current, attached": {
        "dropout": "step",
        "dynamics": ATTACHED | {"recurrence": "current"},
    },
    "dense counts": {"dense_input": True},
    "many dense counts": {"dense_input": True, "density": 0.9},
    "encoder": {"encoder": True, "inputs": 3},
    "encoder without regulariser": {"encoder": True, "sizes": (9, 8), "regularize": False},
    "one sample": {"batch": 1},
    "one step": {"steps": 1, "dynamics": {"initial_potential": 2.0}},
    "two steps": {"steps": 2},
    "three steps": {"steps": 3},
    "four steps": {"steps": 4},
    "63 steps, 61 neurons": {"steps": 63, "sizes": (61,), "batch": 2, "density": 0.7},
    "several programs": {"batch": 9},
    "weights streamed": {"batch": 3, "sizes": (137,), "inputs": 20, "steps": 5},
    "no multiple of 16 rows": {"batch": 2, "sizes": (65,), "steps": 5, "weight_scale": 3.0},
    "one neuron, one class": {"sizes": (1,), "classes": 1},
    "one of everything": {"batch": 1, "steps": 1, "inputs": 1, "sizes": (1,), "classes": 1},
    "33 classes": {"classes": 33},
    "no events": {"density": 0.0},
    "no events, but spikes": {"density": 0.0, "dynamics": {"initial_potential": 1.5}},
    "all units fire": {"dynamics": {"initial_potential": 50.0, "reset": "subtract"}},
    "no neuron fires": {"dynamics": {"threshold": 1e6}},
}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(case, id=name, marks=() if name in ALWAYS else pytest.mark.long)
        for name, case in CASES.items()
    ],
)
def test_every_option_equals_the_reference(options):
    assert_same(GPUCase(**options))


@pytest.mark.parametrize("options", PAIRS, ids=title)
def test_every_two_options_equal_the_reference(options):
    options = dict(options)
    dynamics = {name: options.pop(name) for name in DYNAMICS}
    kind = {"events": {}, "counts": {"dense_input": True}, "encoder": {"encoder": True}}
    case = GPUCase(**options | kind[options.pop("input")] | {"inputs": 3}, dynamics=dynamics)
    assert_same(case, 1e-9)


@needs_cuda
@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_every_option_equals_the_reference_at_real_sizes(options):
    assert_same(at_real_size(GPUCase(**options), **options))


@needs_cuda
@pytest.mark.parametrize("units", [100, 128, 200, 256, 450, 512, 1000, 1024])
@pytest.mark.parametrize("batch", [64, 257, 1024])
def test_every_plan_equals_the_reference(units, batch):
    assert_same(GPUCase(batch=batch, steps=40, inputs=100, sizes=(units,), weight_scale=1.0), 1e-9)


def test_the_default_case_is_worth_comparing():
    case = GPUCase()
    _, (counts,) = case.reference()
    assert 0.05 < counts.mean() / case.steps < 0.6
    trace, counts = case.kernels()
    for name, grad in case.gradients(case.loss(trace, counts)).items():
        assert grad.abs().max() > 1e-3, name


@pytest.mark.parametrize("name", COMPILED)
def test_every_surrogate_equals_the_reference(name):
    assert_same(GPUCase(dynamics={"surrogate": name, "scale": 2.0}, steps=6))


def test_the_sigmoid_does_not_overflow():
    case = GPUCase(dynamics={"surrogate": "sigmoid", "scale": 100.0}, weight_scale=400.0, steps=6)
    assert_same(case)


@pytest.mark.parametrize("rule", ["max", "mean", "last", "sum_softmax"])
def test_every_logit_rule_equals_the_reference(rule):
    assert_same(GPUCase(rule=rule, regularize=rule in ("mean", "last"), steps=6))


@pytest.mark.parametrize(
    "options",
    [
        {"sizes": (9, 5), "dropout": "step", "learn": "neuron", "dynamics": ATTACHED},
        {"sizes": (70,), "inputs": 20},
        {"sizes": (130,), "inputs": 20, "steps": 5},
        {"encoder": True, "regularize": False},
    ],
)
def test_float32_agrees_with_float64_to_its_precision(options):
    """Not with the float32 reference: that one is no nearer to the truth."""
    exact = GPUCase(**options)
    case = GPUCase(**options, dtype=torch.float32)
    trace, counts = case.kernels()
    expected_trace, expected_counts = exact.reference()
    assert trace.dtype == torch.float32
    for n, expected in zip(counts, expected_counts, strict=True):
        assert torch.equal(n.double(), expected)
    assert error(trace.double(), expected_trace) <= 2e-6
    expected = exact.gradients(exact.loss(expected_trace, expected_counts))
    for name, grad in case.gradients(case.loss(trace, counts)).items():
        assert error(grad.double(), expected[name]) <= 2e-5, name


@pytest.fixture
def tf32():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.skipif(DEVICE.type == "cuda", reason="a GPU rounds to TF32; the interpreter does not")
@pytest.mark.usefixtures("tf32")
@pytest.mark.parametrize("recurrence", ["previous", "current"])
def test_products_on_tensor_cores(recurrence):
    from snn.kernels.gpu import tiling

    case = GPUCase(dtype=torch.float32, dynamics={"recurrence": recurrence}, steps=5)
    assert tiling.lif_plan(3, 9, True, torch.float32, DEVICE).product == "dot"
    assert tiling.lif_plan(3, 9, True, torch.float64, DEVICE).product == "resident"
    assert tiling.lif_plan(3, 300, True, torch.float32, DEVICE).product == "stream"
    assert_same(case, 2e-5)


@pytest.mark.parametrize("mode", ["events", "dense"])
@pytest.mark.parametrize("as_wide", [False, True])
def test_both_ways_from_events_to_currents(monkeypatch, mode, as_wide):
    monkeypatch.setenv("SNN_GPU_INPUT", mode)
    case = GPUCase(density=0.4)
    case.x = wide(case.x) if as_wide else case.x
    assert_same(case)


def test_a_store_and_a_batch_and_counts_are_the_same_input():
    case = GPUCase()
    events = case.x
    expected, _ = case.kernels()
    case.x = events.gather()
    assert isinstance(case.x, EventStore)
    assert torch.equal(case.kernels()[0], expected)
    case.x = events.to_dense(torch.float64)
    assert error(case.kernels()[0], expected) <= 1e-12


@pytest.mark.parametrize("learn", ["fixed", "neuron"])
def test_a_layer_alone_takes_counts_with_a_gradient(learn):
    case = GPUCase(dense_input=True, dropout="step", learn=learn)
    x = case.x.clone().requires_grad_()
    (layer,) = case.layers()
    *given, mask = layer
    sent, counts = kernels.lif_layer(x, *given, mask, backend="gpu")
    spikes, _, _ = lif(x, *given, mask=mask)
    assert torch.equal(sent, spikes * mask)
    assert torch.equal(counts, spikes.sum(1))
    inputs = [x, *(p for name, p in case.parameters.items() if name != "readout")]
    direction = torch.randn_like(spikes)
    expected = torch.autograd.grad(spikes * mask, inputs, direction)
    for grad, other in zip(torch.autograd.grad(sent, inputs, direction), expected, strict=True):
        assert error(grad, other) <= 1e-10


def test_gradients_that_are_not_contiguous():
    case = GPUCase(dense_input=True)
    (layer,) = case.layers()
    sent, counts = kernels.lif_layer(case.x, *layer, backend="gpu")
    spikes, _, _ = lif(case.x, *layer[:-1])
    weight = case.parameters["0.weight"]
    for total, expected in (
        (sent.sum() + counts.sum(), spikes.sum() * 2),  # expanded from one number
        ((sent.transpose(1, 2) @ case.x).square().sum(), None),
    ):
        if expected is None:
            expected = (spikes.transpose(1, 2) @ case.x).square().sum()
        (grad,) = torch.autograd.grad(total, weight, retain_graph=True)
        (other,) = torch.autograd.grad(expected, weight, retain_graph=True)
        assert error(grad, other) <= 1e-10


def test_parameters_need_not_be_contiguous():
    case = GPUCase(learn="neuron")
    expected = case.gradients(case.loss(*case.reference()))
    case.parameters = {
        name: (p.detach().T.contiguous().T if p.dim() == 2 else p.detach()).requires_grad_()
        for name, p in case.parameters.items()
    }
    for name, grad in case.gradients(case.loss(*case.kernels())).items():
        assert error(grad, expected[name]) <= 1e-10, name


def test_frozen_weights_have_no_gradient_and_change_no_other():
    case = GPUCase()
    expected = case.gradients(case.loss(*case.reference()))
    case.parameters["0.recurrent"].requires_grad_(False)
    left = {name: p for name, p in case.parameters.items() if p.requires_grad}
    loss = case.loss(*case.kernels())
    for name, grad in zip(left, torch.autograd.grad(loss, list(left.values())), strict=True):
        assert error(grad, expected[name]) <= 1e-10, name


def test_constants_without_a_kernel_gradient_are_refused():
    case = GPUCase(encoder=True)
    learned = torch.full((), 0.9, dtype=torch.float64, device=DEVICE, requires_grad=True)
    with pytest.raises(ValueError, match="readout's constants"):
        kernels.network(
            case.x,
            case.layers(),
            case.readout()._replace(beta=learned),
            case.encoder_parameters(),
            backend="gpu",
        )
    encoder = case.encoder_parameters()._replace(beta=learned)
    with pytest.raises(ValueError, match="encoder's decay"):
        kernels.encoder_layer(case.x, encoder, backend="gpu")


def test_a_weight_of_another_size_is_refused():
    case = GPUCase()
    case.parameters["0.weight"] = case.parameters["0.weight"].detach()[1:]
    with pytest.raises(ValueError, match=r"must be \(6, 9\)"):
        case.kernels()


@settings(max_examples=12 if DEVICE.type == "cpu" else 100, deadline=None)
@given(
    batch=st.integers(1, 6),
    steps=st.integers(1, 9),
    inputs=st.integers(1, 20),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=2).map(tuple),
    classes=st.integers(1, 20),
    density=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    weight_scale=st.sampled_from([1.0, 4.0]),
    recurrent=st.booleans(),
    encoder=st.booleans(),
    learn=st.sampled_from(["fixed", "layer", "neuron"]),
    dropout=st.sampled_from([None, "sample", "step"]),
    rule=st.sampled_from(["max", "mean", "last", "sum_softmax"]),
    readout_leak=st.booleans(),
    regularize=st.booleans(),
    dense_input=st.booleans(),
    seed=st.integers(0, 1000),
    dynamics=st.fixed_dictionaries(
        {
            "surrogate": st.sampled_from(sorted(COMPILED)),
            "reset": st.sampled_from(["zero", "subtract"]),
            "detach_reset": st.booleans(),
            "leak_scaled_input": st.booleans(),
            "recurrence": st.sampled_from(["previous", "current"]),
            "threshold": st.sampled_from([0.5, 1.0]),
            "initial_potential": st.sampled_from([0.0, -0.001, 0.6]),
            "scale": st.sampled_from([1.0, 5.0]),
        }
    ),
)
def test_random_networks_equal_the_reference(**options):
    assert_same(GPUCase(**options), 1e-9)
