"""The kernels compute what the einsum reference computes: spikes, trace and every gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn import kernels
from snn.functional import lif
from snn.kernels import ops
from snn.surrogate import SURROGATES
from tests.kernels.compare import Case, assert_same, error

pytestmark = pytest.mark.skipif(not kernels.available(), reason="the CPU kernels are not built")

CASES = {
    "recurrent": {},
    "feed-forward": {"recurrent": False},
    "two layers": {"sizes": (17, 9)},
    "three feed-forward layers": {"sizes": (17, 9, 33), "recurrent": False},
    "subtractive reset": {"dynamics": {"reset": "subtract"}},
    "attached reset": {"dynamics": {"detach_reset": False}},
    "attached subtractive reset": {"dynamics": {"detach_reset": False, "reset": "subtract"}},
    "recurrence from the current step": {"dynamics": {"recurrence": "current"}},
    "leak-scaled input": {
        "dynamics": {"leak_scaled_input": True},
        "weight_scale": 6.0,
        "readout_leak": True,
    },
    "threshold": {"dynamics": {"threshold": 0.6, "reset": "subtract", "detach_reset": False}},
    "initial potential": {"dynamics": {"initial_potential": 0.7}},
    "learned constants per layer": {"learn": "layer"},
    "learned constants per neuron": {
        "learn": "neuron",
        "sizes": (17, 9),
        "dynamics": {"leak_scaled_input": True, "detach_reset": False},
        "weight_scale": 6.0,
    },
    "dropout held over time": {"dropout": "sample", "sizes": (17, 9)},
    "dropout per step": {"dropout": "step", "sizes": (17, 9)},
    "dropout, many spikes": {"dropout": "step", "weight_scale": 4.0, "steps": 63},
    "dense counts": {"dense_input": True},
    "many dense counts": {"dense_input": True, "density": 0.9},
    "encoder": {"encoder": True},
    "encoder without regulariser": {"encoder": True, "sizes": (9, 8), "regularize": False},
    "one sample": {"batch": 1},
    "two steps": {"steps": 2},
    "three steps": {"steps": 3},
    "63 steps, 61 neurons": {"steps": 63, "sizes": (61,), "density": 0.7, "weight_scale": 3.0},
    "more neurons than a word has bits": {"batch": 19, "sizes": (130,), "inputs": 200},
    "512 neurons": {"batch": 3, "sizes": (512,), "steps": 8, "weight_scale": 3.0},
    "one neuron, one class": {"sizes": (1,), "classes": 1},
    "no events": {"density": 0.0},
    "all units fire": {"dynamics": {"initial_potential": 50.0, "reset": "subtract"}},
    "no neuron fires": {"dynamics": {"threshold": 1e6}},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_every_option_equals_the_reference(options):
    assert_same(Case(**options))


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_the_fused_step_equals_the_reference(options):
    case = Case(**options)
    trace, counts = case.reference()
    weights = torch.linspace(0.5, 2.0, case.classes, dtype=torch.float64)
    nll = torch.nn.functional.cross_entropy(trace.max(1).values, case.labels, weights)
    expected = nll + 1e-2 * sum(n.sum() for n in counts)
    step = case.training_step(weights, 1e-2)
    assert error(step.nll, nll) <= 1e-10
    assert error(step.loss, expected) <= 1e-10
    assert error(step.logits, trace.max(1).values) <= 1e-10
    for n, expected_n in zip(step.spike_counts, counts, strict=True):
        assert torch.equal(n, expected_n)
    expected_grads = case.gradients(3.0 * expected)
    for name, grad in case.gradients(3.0 * step.loss).items():
        assert error(grad, expected_grads[name]) <= 1e-10, name


@pytest.mark.parametrize("name", SURROGATES)
def test_every_surrogate_equals_the_reference(name, instruction_set):
    assert_same(Case(dynamics={"surrogate": name, "scale": 2.0}))


@pytest.mark.parametrize("rule", ["max", "mean", "last", "sum_softmax"])
@pytest.mark.parametrize("regularize", [False, True])
def test_every_logit_rule_equals_the_reference(rule, regularize):
    assert_same(Case(rule=rule, regularize=regularize, sizes=(11, 9)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_every_instruction_set_equals_the_reference(instruction_set, dtype):
    options = {"sizes": (61, 33), "batch": 11, "steps": 40, "dropout": "step", "learn": "neuron"}
    case = Case(**options, dtype=dtype)
    assert_same(case, 1e-10 if dtype == torch.float64 else 2e-4)
    case = Case(encoder=True, dtype=dtype, regularize=False)
    assert_same(case, 1e-10 if dtype == torch.float64 else 2e-4)


def test_a_single_step_has_no_gradient_but_counts():
    case = Case(steps=1, dynamics={"initial_potential": 2.0})
    trace, counts = case.kernels()
    expected_trace, expected_counts = case.reference()
    assert torch.equal(trace, expected_trace)
    assert torch.equal(counts[0], expected_counts[0])
    grads = case.gradients(case.loss(trace, counts))
    assert all(grad.abs().max() == 0 for grad in grads.values())


def test_a_layer_alone_takes_counts_with_a_gradient():
    case = Case(dense_input=True, dropout="step", learn="neuron")
    x = case.x.clone().requires_grad_()
    (layer,) = case.layers()
    *given, mask = layer
    spikes, counts = ops.lif_layer(x, *given, mask)
    expected, _, _ = lif(x, *given, mask=mask)
    assert torch.equal(spikes, expected)
    assert torch.equal(counts, expected.sum(1))
    inputs = [x, *(p for name, p in case.parameters.items() if name != "readout")]
    direction = torch.randn_like(expected)
    grads = torch.autograd.grad(spikes, inputs, direction)
    for grad, other in zip(grads, torch.autograd.grad(expected, inputs, direction), strict=True):
        assert error(grad, other) <= 1e-10


def test_parameters_need_not_be_contiguous():
    case = Case()
    expected = case.gradients(case.loss(*case.reference()))
    case.parameters = {
        name: p.detach().T.contiguous().T.requires_grad_() for name, p in case.parameters.items()
    }
    for name, grad in case.gradients(case.loss(*case.kernels())).items():
        assert error(grad, expected[name]) <= 1e-10, name


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 20),
    steps=st.integers(2, 30),
    inputs=st.integers(1, 40),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple),
    classes=st.integers(1, 20),
    density=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    weight_scale=st.sampled_from([0.3, 1.0, 4.0]),
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
            "surrogate": st.sampled_from(sorted(SURROGATES)),
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
    assert_same(Case(**options), 1e-9)
