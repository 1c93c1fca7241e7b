"""Every declared neuron on its generated kernels equals its own step under autograd."""

import pytest
import torch

from snn import kernels
from snn.neurons import CubaLIF, LIFDynamics, RadLIF, SEAdLIF, lif, neuron_layer
from snn.neurons.declaration import shipped
from tests.kernels.gpu_case import needs_triton
from tests.kernels.neurons import LayerCase, assert_same_layer
from tests.kernels.random_neurons import drawn
from tests.requirements import needs

NEURONS = [neuron for kind in shipped.SHIPPED for neuron in shipped.variants(kind)]
DEFAULTS = [kind() for kind in shipped.SHIPPED]
# RadLIF with a < 0 and SEAdLIF with its large gain amplify rounding errors beyond any tolerance
STABLE = {RadLIF: {"a": (0.0, 1.0)}, SEAdLIF: {"q": (1.0, 3.0)}}
SIZES = {
    "plain": {},
    "one sample": {"batch": 1},
    "one step": {"steps": 1},
    "two steps": {"steps": 2},
    "63 steps": {"steps": 63, "units": 61},
    "no events": {"density": 0.0},
    "all fire": {"weight_scale": 30.0, "density": 1.0},
    "one neuron": {"units": 1, "inputs": 1},
    "feed-forward": {"recurrent": False},
    "bias": {"bias": True},
    "nothing of the neuron learned": {"learn": False, "bias": False},
    "dropout": {"dropout": True},
    "fixed, feed-forward, 63 steps": {"learn": False, "recurrent": False, "steps": 63},
}


def case_of(neuron, **options) -> LayerCase:
    return LayerCase(neuron, limits=STABLE.get(type(neuron), {}), **options)


@needs("cpu")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("neuron", DEFAULTS, ids=lambda n: type(n).__name__)
def test_every_neuron_equals_the_reference_at_every_size(neuron, size):
    assert_same_layer(case_of(neuron, **SIZES[size]))


@needs("cpu")
@pytest.mark.parametrize("neuron", NEURONS, ids=repr)
def test_every_option_equals_the_reference(neuron):
    assert_same_layer(case_of(neuron))
    assert_same_layer(case_of(neuron, learn=False, seed=1))


@needs("cpu")
@pytest.mark.parametrize("neuron", DEFAULTS[:2], ids=lambda n: type(n).__name__)
def test_recurrence_from_the_current_step(neuron):
    assert_same_layer(case_of(neuron, recurrence="current"))


@needs_triton
@pytest.mark.parametrize("neuron", DEFAULTS, ids=lambda n: type(n).__name__)
def test_gpu_kernels_equal_the_reference(neuron):
    small = {"batch": 3, "steps": 7, "units": 9}
    assert_same_layer(case_of(neuron, bias=True, dropout=True, **small), "gpu")
    assert_same_layer(case_of(neuron, learn=False, steps=1, batch=1), "gpu")


@needs_triton
@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("neuron", DEFAULTS[:2], ids=lambda n: type(n).__name__)
def test_recurrence_from_the_current_step_on_the_gpu(neuron, steps):
    small = {"batch": 2, "steps": steps, "units": 7, "dropout": True}
    assert_same_layer(case_of(neuron, recurrence="current", **small), "gpu")


@pytest.mark.long
@needs_triton
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("neuron", NEURONS, ids=repr)
def test_gpu_kernels_equal_the_reference_with_every_option(neuron, size):
    options = {"batch": 3} | SIZES[size]
    options["steps"] = min(options.get("steps", 9), 13)
    assert_same_layer(case_of(neuron, **options), "gpu")


@needs("cpu")
@pytest.mark.seconds(12)
@pytest.mark.parametrize("seed", range(3))
def test_random_neurons(seed):
    neuron = drawn(seed)
    for options in {}, {"recurrent": False, "bias": True, "learn": False}:
        assert_same_layer(LayerCase(neuron, seed=seed, weight_scale=1.0, **options))


@pytest.mark.long
@needs("cpu")
@pytest.mark.parametrize("seed", range(3, 40))
def test_more_random_neurons(seed):
    assert_same_layer(LayerCase(drawn(seed), seed=seed, weight_scale=1.0))


@needs_triton
@pytest.mark.parametrize("seed", range(4))
def test_random_neurons_on_the_gpu(seed):
    small = {"batch": 2, "steps": 7, "units": 5}
    assert_same_layer(LayerCase(drawn(seed), seed=seed, weight_scale=1.0, **small), "gpu")


@pytest.mark.parametrize("options", [{}, {"reset": "subtract", "leak_scaled_input": True}])
@pytest.mark.parametrize("recurrence", ["previous", "current"])
def test_the_declared_current_based_lif_is_the_readable_one(options, recurrence):
    torch.manual_seed(0)
    x = (torch.rand(3, 30, 7) < 0.4).double()
    weights = 2 * torch.randn(7, 11).double(), torch.randn(11, 11).double() / 3
    dynamics = LIFDynamics(recurrence=recurrence, **options)
    s, u, _ = lif(x, *weights, 0.8, 0.9, dynamics)
    values = {"alpha": 0.8, "beta": 0.9}
    s2, u2, _ = neuron_layer(x, *weights, CubaLIF(**options), values, recurrence=recurrence)
    assert torch.equal(s, s2)
    assert torch.equal(u, u2)


def test_a_sequence_in_chunks_is_the_same_as_in_one_piece():
    case = case_of(SEAdLIF(), recurrent=True)
    whole, _, end = neuron_layer(case.x, *case.given, scale=2.0)
    first, _, state = neuron_layer(case.x[:, :7], *case.given, scale=2.0)
    rest, _, last = neuron_layer(case.x[:, 7:], *case.given, scale=2.0, state=state)
    assert torch.equal(whole, torch.cat([first, rest], 1))
    assert all(torch.equal(end.states[n], last.states[n]) for n in end.states)


@needs("cpu")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": {"beta": 0.9}}, "must be of alpha, beta"),
        ({"values": {"alpha": 0.9, "beta": torch.ones(3).double()}}, "beta of shape"),
        ({"bias": torch.zeros(3).double()}, "bias of shape"),
        ({"start": {"w": 1.0}}, "no such state"),
        ({"surrogate": "own"}, "surrogate own"),
        ({"recurrence": "next"}, "previous or current"),
    ],
)
def test_wrong_arguments_are_refused(change, message):
    case = case_of(CubaLIF())
    weight, recurrent, neuron, values = case.given
    given = {"values": values} | case.options | change
    layer = kernels.NeuronParameters(weight, recurrent, neuron, **given)
    with pytest.raises(ValueError, match=message):
        kernels.neuron_layer(case.x, layer)


@needs("cpu")
def test_the_current_step_is_refused_where_a_drive_acts_at_once():
    with pytest.raises(ValueError, match="recurrence='current': must be previous"):
        case_of(SEAdLIF(), recurrence="current").kernels("cpu")
