"""The network on its backends: the same loss, spike counts and gradients."""

import pytest
import torch

from snn.network import SpikingNetwork
from snn.network.layers import LeakyReadout, RecurrentLIF
from snn.neurons import LIFDynamics
from snn.neurons.time_constants import spread_decay
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step
from tests.kernels.compare import error
from tests.kernels.networks import LABELS, assert_same_outcome, batch, make, outcome
from tests.requirements import needs

built = needs("cpu")


@built
@pytest.mark.parametrize("analog", [False, True])
@pytest.mark.parametrize("rule", ["max", "sum_softmax"])
@pytest.mark.parametrize("mask", ["sample", "step"])
def test_backends_agree(analog, rule, mask):
    options = {"analog": analog, "rule": rule, "dropout": 0.3, "dropout_mask": mask}
    options |= {"learn_alpha": "neuron", "learn_beta": "layer"}
    x = batch(analog)
    expected = outcome(make("einsum", **options), x)
    assert_same_outcome(outcome(make("cpu", **options), x), expected)


@built
@pytest.mark.parametrize("analog", [False, True])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_the_fused_step_agrees(analog, reduction):
    loss = ClassificationLoss("nll", [1.0, 0.5, 2.0]).double()
    regularizer = SpikeRegularizer(0.1, reduction)
    x = batch(analog)
    options = {"analog": analog, "sizes": (30,), "dropout": 0.2}
    expected = outcome(make("einsum", **options), x, loss, regularizer)
    actual = outcome(make("cpu", **options), x, loss, regularizer, fused=True)
    assert_same_outcome(actual, expected)


@built
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_fused_step_smooths_labels(dtype):
    loss = ClassificationLoss("nll", label_smoothing=0.3).to(dtype)
    x, options = batch(), {"dropout": 0.2, "dtype": dtype}
    expected = outcome(make("einsum", **options), x, loss)
    actual = outcome(make("cpu", **options), x, loss, fused=True)
    assert_same_outcome(actual, expected, 1e-10 if dtype == torch.float64 else 1e-4)
    plain = outcome(make("cpu", **options), x, fused=True)
    assert error(plain[0].detach(), expected[0].detach()) > 1e-3


@built
def test_an_infinite_logit_of_another_class_matters_only_to_smoothed_labels():
    network = make("cpu")
    with torch.no_grad():
        network.readout.weight[:, 2] = -1e300
    labels = torch.zeros(len(LABELS), dtype=torch.int64)
    for smoothing in (0.0, 0.1):
        loss = ClassificationLoss("nll", label_smoothing=smoothing).double()
        step = fused_step(network, batch(), labels, loss, SpikeRegularizer())
        expected = loss(network(batch()).logits, labels)
        assert error(step.loss.detach(), expected.detach()) <= 1e-10


@built
@pytest.mark.parametrize("learn", ["fixed", "neuron"])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("detach_reset", [True, False])
def test_neurons_with_time_constants_of_their_own_agree(learn, fused, detach_reset):
    """Different in every layer and for both constants."""

    def networks(backend):
        torch.manual_seed(1)
        dynamics = LIFDynamics(scale=10.0, detach_reset=detach_reset, leak_scaled_input=True)
        hidden = [
            RecurrentLIF(
                inputs,
                units,
                spread_decay(0.8, 1.0, units),
                spread_decay(0.9, 1.0, units, "gamma"),
                dynamics,
                weight_scale=1.5,
                learn_alpha=learn,
                learn_beta=learn,
            )
            for inputs, units in ((25, 30), (30, 20))
        ]
        network = SpikingNetwork(hidden, LeakyReadout(20, 3, 0.8, 0.9), None, "max", backend)
        return network.double()

    expected = outcome(networks("einsum"), batch())
    assert expected[1][1].sum() > 0
    assert_same_outcome(outcome(networks("cpu"), batch(), fused=fused), expected)


@built
@pytest.mark.parametrize(
    ("network", "loss", "regularizer"),
    [
        ({"rule": "last"}, {}, {}),
        ({}, {"name": "multi_margin"}, {}),
        ({}, {"class_weights": [1.0, 0.5, 2.0], "label_smoothing": 0.1}, {}),
        ({}, {}, {"rate_l2": 1e-3}),
        ({}, {}, {"rate": 1.0, "reduction": "mean"}),  # two layers
        ({"backend": "einsum"}, {}, {}),
    ],
)
def test_what_cannot_be_fused_is_left_to_the_general_path(network, loss, regularizer):
    step = fused_step(
        make(**network),
        batch(),
        LABELS,
        ClassificationLoss(**loss),
        SpikeRegularizer(**regularizer),
    )
    assert step is None


@built
def test_no_fused_step_without_gradients():
    with torch.no_grad():
        step = fused_step(make(), batch(), LABELS, ClassificationLoss(), SpikeRegularizer())
    assert step is None


@built
def test_evaluation_agrees_and_keeps_no_graph():
    network, reference = make("cpu").eval(), make("einsum").eval()
    with torch.no_grad():
        output, expected = network(batch()), reference(batch())
    assert not output.logits.requires_grad
    assert error(output.logits, expected.logits) <= 1e-10
    assert torch.equal(output.spike_counts[1], expected.spike_counts[1])
