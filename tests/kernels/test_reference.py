"""The kernels compute what the einsum reference computes: spikes, trace and every gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.kernels import api as ops
from snn.kernels.cpu import library
from snn.kernels.surrogates import COMPILED
from snn.neurons import lif
from tests.kernels.compare import TOLERANCE, Case, assert_same, assert_same_fused, error
from tests.requirements import needs

pytestmark = needs("cpu")

LEAK = {"dynamics": {"leak_scaled_input": True}, "weight_scale": 6.0, "readout_leak": True}
OPTIONS = {
    "recurrent": {},
    "feed-forward": {"recurrent": False},
    "two layers": {"sizes": (61, 9)},
    "three feed-forward layers": {"sizes": (17, 9, 61), "recurrent": False},
    "subtractive reset": {"dynamics": {"reset": "subtract"}},
    "attached reset": {"dynamics": {"detach_reset": False}},
    "attached subtractive reset": {"dynamics": {"detach_reset": False, "reset": "subtract"}},
    "recurrence from the current step": {"dynamics": {"recurrence": "current"}},
    "leak-scaled input": LEAK,
    "learned constants per layer": {"learn": "layer"},
    "learned constants per neuron": {"learn": "neuron"} | LEAK,
    "dropout held over time": {"dropout": "sample", "sizes": (61, 9)},
    "dropout per step": {"dropout": "step", "sizes": (61, 9)},
    "dense counts": {"dense_input": True},
    "encoder": {"encoder": True},
    "label smoothing": {"smoothing": 0.1},
    "no regulariser": {"regularize": False},
}
OPTIONS |= {f"surrogate {name}": {"dynamics": {"surrogate": name}} for name in COMPILED}
OPTIONS |= {f"logits by {rule}": {"rule": rule} for rule in ("mean", "last", "sum_softmax")}

SIZES = {
    "plain": {},
    "one sample": {"batch": 1},
    "one step": {"steps": 1},
    "two steps": {"steps": 2},
    "63 steps": {"steps": 63, "density": 0.7, "weight_scale": 2.0},
    "no events": {"density": 0.0, "dynamics": {"initial_potential": 1.3}},
    "no neuron fires": {"dynamics": {"threshold": 1e6}},
    # a threshold below rest, and a surrogate wide enough to have a gradient there
    "all units fire": {"weight_scale": 0.1, "dynamics": {"threshold": -5.0, "scale": 0.05}},
}

CASES = {
    "threshold": {"dynamics": {"threshold": 0.6, "reset": "subtract", "detach_reset": False}},
    "initial potential": {"dynamics": {"initial_potential": 0.7}},
    "dropout, many spikes": {"dropout": "step", "weight_scale": 4.0, "steps": 63},
    "many dense counts": {"dense_input": True, "density": 0.9},
    "encoder without regulariser": {"encoder": True, "sizes": (9, 8), "regularize": False},
    "more neurons than a word has bits": {"batch": 19, "sizes": (130,), "inputs": 200},
    "512 neurons": {"batch": 3, "sizes": (512,), "steps": 8, "weight_scale": 3.0},
    "one neuron, one class": {"sizes": (1,), "classes": 1},
    "many events": {"inputs": 100, "sizes": (61, 9), "learn": "neuron", "dropout": "step"},
    "more steps than are summed at once": {"batch": 3, "steps": 700, "inputs": 60},
    "the same with dropout": {"batch": 3, "steps": 700, "inputs": 60, "dropout": "sample"},
    "more inputs than are packed": {
        "batch": 2,
        "steps": 3,
        "inputs": 20000,
        "density": 0.01,
        "dense_input": True,
    },
}


def combined(option, size):
    """A case of both; sizes win, and 61 neurons are the rule."""
    given = {"sizes": (61,)} | OPTIONS[option] | SIZES[size]
    dynamics = OPTIONS[option].get("dynamics", {}) | SIZES[size].get("dynamics", {})
    return Case(**given | {"dynamics": dynamics})


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_equals_the_reference_at_every_size(option, size):
    case = combined(option, size)
    assert_same(case)
    assert_same_fused(case)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_sizes_are_what_they_are_called(option):
    _, counts = combined(option, "all units fire").kernels()
    assert all((n == 20).all() for n in counts)
    _, counts = combined(option, "no neuron fires").kernels()
    assert all((n == 0).all() for n in counts)
    assert "encoder" in option or combined(option, "no events").x.to_dense().sum() == 0


@pytest.mark.parametrize("options", CASES.values(), ids=CASES.keys())
def test_further_cases_equal_the_reference(options):
    assert_same(Case(**options))
    assert_same_fused(Case(**options))


@pytest.mark.parametrize("name", COMPILED)
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
    assert_same(case, TOLERANCE if dtype == torch.float64 else 2e-4)
    case = Case(encoder=True, dtype=dtype, regularize=False)
    assert_same(case, TOLERANCE if dtype == torch.float64 else 2e-4)


SHORT = {"density": 0.5, "regularize": False}  # few steps: little but the products rounds
FLOAT32_CASES = [
    {"sizes": (200,), "inputs": 50, "batch": 37, "steps": 6} | SHORT,
    {"sizes": (33, 40), "inputs": 30, "batch": 21, "steps": 8, "recurrent": False} | SHORT,
    {"sizes": (130,), "batch": 10, "steps": 6} | SHORT,
    {"sizes": (17, 48), "batch": 1, "learn": "neuron"},
    {"encoder": True, "regularize": False},
]


@pytest.mark.parametrize("options", FLOAT32_CASES)
def test_every_instruction_set_is_as_exact_as_the_plainest(options, instruction_set):
    """Also where products run on units for shorter numbers, several for each number.

    Fused multiply-adds round otherwise than the plainest set, hence the factor.
    """
    case, exact = Case(**options, dtype=torch.float32), Case(**options)
    expected = exact.gradients(exact.loss(*exact.kernels()))

    def errors(name):
        library._loads[None] = library.load(name)
        actual = case.gradients(case.loss(*case.kernels()))
        return {key: error(grad.double(), expected[key]) for key, grad in actual.items()}

    plainest = errors("baseline")
    for key, value in errors(instruction_set).items():
        assert value <= 2.0 * plainest[key] + 1e-7, key


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
    before, _, _ = lif(x, *given, mask=mask)
    expected = before * mask
    assert torch.equal(spikes, expected)
    assert torch.equal(counts, before.sum(1))
    inputs = [x, *(p for name, p in case.parameters.items() if name != "readout")]
    direction = torch.randn_like(expected)
    grads = torch.autograd.grad(spikes, inputs, direction)
    for grad, other in zip(grads, torch.autograd.grad(expected, inputs, direction), strict=True):
        assert error(grad, other) <= TOLERANCE


def test_parameters_need_not_be_contiguous():
    case = Case()
    expected = case.gradients(case.loss(*case.reference()))
    case.parameters = {
        name: p.detach().T.contiguous().T.requires_grad_() for name, p in case.parameters.items()
    }
    for name, grad in case.gradients(case.loss(*case.kernels())).items():
        assert error(grad, expected[name]) <= TOLERANCE, name


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 20),
    steps=st.integers(1, 30),
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
    smoothing=st.sampled_from([0.0, 0.2]),
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
    case = Case(**options)
    assert_same(case)
    assert_same_fused(case)
