"""The kernels do not call the layers, so they stay away where a call would do more."""

import logging

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils import parametrizations, parametrize, prune

from snn.errors import ConfigError
from snn.network import SpikingNetwork
from snn.network.layers import RecurrentLIF
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step
from tests.kernels.test_network import LABELS, batch, make
from tests.requirements import needs

pytestmark = needs("cpu")


class Doubling(RecurrentLIF):
    def forward(self, x, state=None, mask=None):
        return super().forward(2 * x, state, mask)


class OwnTrace(SpikingNetwork):
    def trace(self, x, state=None):
        trace = super().trace(x, state)
        return trace._replace(output=trace.output + 1.0)


def replace_forward(layer):
    original = layer.forward
    layer.forward = lambda x, state=None, mask=None: original(2 * x, state, mask)


CHANGES = {
    "forward hook": (
        lambda n: n.hidden[1].register_forward_hook(lambda layer, x, out: (0 * out[0], *out[1:])),
        "RecurrentLIF has forward hooks",
    ),
    "forward hook of the readout": (
        lambda n: n.readout.register_forward_hook(lambda layer, x, out: (out[0] + 1.0, out[1])),
        "LeakyReadout has forward hooks",
    ),
    "forward pre-hook": (
        lambda n: n.hidden[0].register_forward_pre_hook(lambda layer, x: (2 * x[0], *x[1:])),
        "RecurrentLIF has forward pre hooks",
    ),
    "backward hook": (
        lambda n: n.readout.register_full_backward_hook(lambda layer, into, out: None),
        "LeakyReadout has backward hooks",
    ),
    "pruning": (
        lambda n: prune.random_unstructured(n.hidden[0], "weight", 0.5),
        "RecurrentLIF has forward pre hooks",
    ),
    "parametrization": (
        lambda n: parametrizations.weight_norm(n.hidden[0], "recurrent_weight"),
        "ParametrizedRecurrentLIF is not exactly RecurrentLIF",
    ),
    "subclass": (
        lambda n: setattr(n.hidden[0], "__class__", Doubling),
        "Doubling is not exactly RecurrentLIF",
    ),
    "replaced forward": (
        lambda n: replace_forward(n.hidden[0]),
        "forward of a RecurrentLIF was replaced",
    ),
    "network with a trace of its own": (
        lambda n: setattr(n, "__class__", OwnTrace),
        "OwnTrace has a trace of its own",
    ),
}


def changed(backend, change):
    torch.manual_seed(1)
    network = make(backend)
    change(network)
    return network


@pytest.mark.parametrize(("change", "why"), CHANGES.values(), ids=CHANGES.keys())
def test_a_layer_that_does_more_is_called(change, why, caplog):
    x = batch()
    torch.manual_seed(3)
    expected = changed("einsum", change)(x)
    torch.manual_seed(3)
    network = changed("auto", change)
    with caplog.at_level(logging.INFO, "snn.network"):
        output = network(x)
    assert torch.equal(output.logits, expected.logits)
    assert f"backend einsum: {why}" in caplog.text
    assert fused_step(network, x, LABELS, ClassificationLoss(), SpikeRegularizer()) is None


@pytest.mark.parametrize(("change", "why"), CHANGES.values(), ids=CHANGES.keys())
def test_the_kernels_by_name_refuse_it(change, why):
    with pytest.raises(ConfigError, match=f"model.backend='cpu'.*{why}"):
        changed("cpu", change)(batch())


def test_hooks_of_the_encoder_count(caplog):
    seen = []
    network = make(analog=True)
    network.encoder.register_forward_hook(lambda *_: seen.append(1))
    network(batch(analog=True))
    assert (network.last_backend, seen) == ("einsum", [1])


def test_hooks_of_all_modules_count():
    network, seen = make(), []
    network(batch())
    assert network.last_backend == "cpu"
    handle = register_module_forward_hook(lambda module, x, out: seen.append(type(module).__name__))
    try:
        network(batch())
    finally:
        handle.remove()
    assert network.last_backend == "einsum"
    assert {"RecurrentLIF", "LeakyReadout"} <= set(seen)
    network(batch())
    assert network.last_backend == "cpu"


def test_a_hook_of_the_network_is_called_and_the_kernels_stay():
    network, seen = make("cpu"), []
    network.register_forward_hook(lambda *_: seen.append(1))
    assert fused_step(network, batch(), LABELS, ClassificationLoss(), SpikeRegularizer()) is None
    network(batch())
    assert (network.last_backend, seen) == ("cpu", [1])


def test_a_decay_of_another_kind_is_asked_for_its_factor():
    class Half(nn.Module):
        def forward(self):
            return 0.5

    outputs = []
    for backend in ("einsum", "cpu"):
        network = make(backend)
        network.hidden[0].alpha = Half()
        outputs.append(network(batch()).logits)
    torch.testing.assert_close(*outputs, rtol=1e-10, atol=0.0)


@pytest.mark.parametrize("part", ["loss", "regularizer"])
@pytest.mark.parametrize("how", ["subclass", "hook"])
def test_a_loss_that_does_more_is_called(part, how):
    parts = {"loss": ClassificationLoss(), "regularizer": SpikeRegularizer()}
    network, x = make("cpu"), batch()
    assert fused_step(network, x, LABELS, **parts) is not None
    if how == "hook":
        parts[part].register_forward_hook(lambda *_: None)
    else:
        parts[part].__class__ = type("Mine", (type(parts[part]),), {})
    assert fused_step(network, x, LABELS, **parts) is None


def test_a_removed_parametrization_leaves_no_trace_of_itself():
    network = make("cpu")
    parametrizations.weight_norm(network.hidden[0], "recurrent_weight")
    parametrize.remove_parametrizations(network.hidden[0], "recurrent_weight")
    network(batch())
    assert network.last_backend == "cpu"
