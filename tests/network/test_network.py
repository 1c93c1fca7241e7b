"""Layers, networks, and the factory that makes them from numbers."""

from __future__ import annotations

import math

import pytest
import torch

from snn.errors import ConfigError
from snn.events import EventBatch, EventStore
from snn.network import SpikingNetwork
from snn.network.delays import DelayOptions
from snn.network.layers import CurrentEncoder, Decay, LeakyReadout, RecurrentLIF
from snn.training.classifiers import DataSpec, recurrent_lif

SPIKES = DataSpec(nb_units=8, nb_classes=3, time_step=1.0, analog=False, class_counts=(4, 4, 8))
ANALOG = DataSpec(nb_units=4, nb_classes=3, time_step=2.0, analog=True, class_counts=(4, 4, 8))


def network(data: DataSpec = SPIKES, **options) -> SpikingNetwork:
    options = {"nb_hidden": 6, "weight_scale": 2.0, "optimizer": torch.optim.Adam, **options}
    return recurrent_lif(data=data, **options).network.double()


def spikes(batch: int = 4, steps: int = 15) -> torch.Tensor:
    return torch.randint(0, 2, (batch, steps, 8)).double()


def test_sizes_follow_data_and_layers() -> None:
    net = network(nb_hidden=[6, 5])
    assert [tuple(layer.weight.shape) for layer in net.hidden] == [(8, 6), (6, 5)]
    assert [tuple(layer.recurrent_weight.shape) for layer in net.hidden] == [(6, 6), (5, 5)]
    assert tuple(net.readout.weight.shape) == (5, 3)
    output = net(spikes())
    assert output.logits.shape == (4, 3)
    assert [tuple(c.shape) for c in output.spike_counts] == [(4, 6), (4, 5)]


@pytest.mark.parametrize("bias", [None, True])  # the layer in einsum, and the declared neurons'
def test_each_layer_may_have_a_scale_of_its_own(bias: bool | None) -> None:
    net = network(nb_hidden=[64, 64], weight_scale=[2.0, 6.0], recurrent_weight_scale=1, bias=bias)
    stds = [layer.weight.std().item() for layer in net.hidden]
    assert stds == pytest.approx([2 / math.sqrt(8), 6 / math.sqrt(64)], rel=0.15)
    assert net.readout.weight.std().item() == pytest.approx(6 / math.sqrt(64), rel=0.25)
    recurrent = [layer.recurrent_weight.std().item() for layer in net.hidden]
    assert recurrent == pytest.approx([1 / 8, 1 / 8], rel=0.1)
    with pytest.raises(ConfigError, match=r"model\.recurrent_weight_scale=\[1\.0\]: .* of 2"):
        network(nb_hidden=[6, 5], recurrent_weight_scale=[1.0])


def test_layers_that_do_not_fit_together_are_refused() -> None:
    hidden = [RecurrentLIF(8, 6, 0.8, 0.9), RecurrentLIF(5, 4, 0.8, 0.9)]
    readout = LeakyReadout(3, 2, 0.8, 0.9)
    with pytest.raises(ConfigError, match=r"hidden\[1\]\.nb_inputs=5: must be 6, the number"):
        SpikingNetwork(hidden, readout)
    with pytest.raises(ConfigError, match=r"readout\.nb_inputs=3: must be 6"):
        SpikingNetwork(hidden[:1], readout)
    with pytest.raises(ConfigError, match=r"hidden\[0\]\.nb_inputs=8: must be 12"):
        SpikingNetwork(hidden[:1], readout, CurrentEncoder(4, 3, 0.9))
    factors = RecurrentLIF(8, 6, 0.8, 0.9)
    del factors.weight  # as a subclass may have it
    SpikingNetwork([factors], LeakyReadout(6, 2, 0.8, 0.9))


def test_analog_input_gets_an_encoder() -> None:
    net = network(ANALOG, encoder_copies=3)
    assert net.encoder.gain.shape == (12,)
    assert net.hidden[0].weight.shape == (12, 6)
    assert net(torch.randn(2, 10, 4)).logits.shape == (2, 3)


def test_decays_follow_time_constants_and_step() -> None:
    net = network(ANALOG, tau_mem=20.0, tau_syn=10.0)
    assert net.hidden[0].beta() == math.exp(-0.1)
    assert net.hidden[0].alpha() == math.exp(-0.2)
    assert net.readout.beta() == math.exp(-0.1)
    net = network(alpha=0.3, beta=0.4, readout_tau_mem=5.0)
    assert (net.hidden[0].alpha(), net.hidden[0].beta()) == (0.3, 0.4)
    assert (net.readout.alpha(), net.readout.beta()) == (0.3, math.exp(-0.2))


def test_events_and_dense_counts_agree() -> None:
    x = spikes()
    sample, step, unit = x.nonzero(as_tuple=True)
    store = EventStore.from_events(sample, step, unit, nb_samples=4, nb_steps=15, nb_units=8)
    net = network()
    index = torch.tensor([2, 0, 3])
    assert torch.equal(net(EventBatch(store, index)).logits, net(x[index]).logits)


@pytest.mark.parametrize("options", [{}, {"nb_hidden": [6, 5]}, {"dropout": 0.5}], ids=str)
@pytest.mark.parametrize("analog", [False, True])
def test_chunks_give_the_same_as_one_piece(options: dict, analog: bool) -> None:
    net = network(ANALOG if analog else SPIKES, **options)
    x = torch.randn(4, 15, 4).double() * 3 if analog else spikes()
    torch.manual_seed(1)
    whole = net.trace(x)
    torch.manual_seed(1)
    first = net.trace(x[:, :6])
    second = net.trace(x[:, 6:], first.state)
    assert all(s.sum() > 0 for s in whole.spikes)
    for a, b, c in zip(first.spikes, second.spikes, whole.spikes, strict=True):
        assert torch.equal(torch.cat([a, b], 1), c)
    assert torch.equal(torch.cat([first.output, second.output[:, 1:]], 1), whole.output)


@pytest.mark.parametrize("learn", ["layer", "neuron"])
def test_learned_decays_stay_between_0_and_1(learn: str) -> None:
    module = recurrent_lif(
        data=SPIKES,
        optimizer=torch.optim.SGD,
        nb_hidden=6,
        weight_scale=3.0,
        learn_alpha=learn,
        learn_beta=learn,
    )
    layer = module.network.hidden[0]
    assert layer.beta().shape == (() if learn == "layer" else (6,))
    assert layer.beta().mean().item() == pytest.approx(math.exp(-0.1))
    output = module(spikes().float())
    module.loss(output.logits, torch.tensor([0, 1, 2, 0])).backward()
    for decay in (layer.alpha, layer.beta):
        assert decay.logit.grad.abs().sum() > 0
        for far in (-1e3, 1e3):
            decay.logit.data.fill_(far)
            assert ((decay() > 0) & (decay() < 1)).all()


@pytest.mark.parametrize("factor", [0.0, 1.0, -0.5, math.nan])
def test_impossible_decay_is_refused(factor: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        Decay(factor, 3)


@pytest.mark.parametrize(("fan", "std"), [("in", 2 / math.sqrt(400)), ("out", 2 / math.sqrt(100))])
def test_initial_weights(fan: str, std: float) -> None:
    layer = RecurrentLIF(400, 100, 0.8, 0.9, weight_scale=2.0, fan=fan)
    assert layer.weight.std().item() == pytest.approx(std, rel=0.02)
    assert abs(layer.weight.mean().item()) < 4 * std / math.sqrt(40000)


def test_dropout_mask_is_held_or_drawn_each_step() -> None:
    layer = RecurrentLIF(3, 200, 0.8, 0.9, dropout=0.25)
    held = layer.draw_mask(5, 7)
    assert held.shape == (5, 1, 200)
    assert held.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert held.mean().item() == pytest.approx(1.0, abs=0.1)
    layer.dropout_mask = "step"
    assert layer.draw_mask(5, 7).shape == (5, 7, 200)
    layer.eval()
    assert layer.draw_mask(5, 7) is None


def test_feed_forward_only() -> None:
    net = network(recurrent=False)
    assert net.hidden[0].recurrent_weight is None
    assert net(spikes()).logits.shape == (4, 3)


def test_class_weights() -> None:
    module = recurrent_lif(data=SPIKES, optimizer=torch.optim.Adam, class_weights="balanced")
    torch.testing.assert_close(module.loss.class_weights, torch.tensor([4 / 3, 4 / 3, 2 / 3]))
    with pytest.raises(ConfigError, match=r"class_weights.*3 numbers"):
        recurrent_lif(data=SPIKES, optimizer=torch.optim.Adam, class_weights=[1.0, 2.0])


def test_two_networks_keep_their_own_scale() -> None:
    x = spikes()
    nets = []
    for scale in (10.0, 100.0):
        torch.manual_seed(3)
        nets.append(network(scale=scale))
    for net in nets:
        net(x).logits.sum().backward()
    assert torch.equal(nets[0].hidden[0].weight, nets[1].hidden[0].weight)
    assert not torch.equal(nets[0].hidden[0].weight.grad, nets[1].hidden[0].weight.grad)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"learn_alpha": "neuron", "learn_beta": "layer", "reset": "subtract"},
        {"tau_mem_spread": 1.0, "tau_syn_spread": 0.5, "leak_scaled_input": True},
        {"initial_potential": -0.5, "recurrence": "current"},
    ],
)
def test_a_delay_of_nothing_changes_nothing(options: dict) -> None:
    kind = "input" if options.get("recurrence") == "current" else "recurrent"
    delays = DelayOptions(**{kind: [0.0, 0.0]}, learn="fixed")
    torch.manual_seed(0)
    plain = network(nb_hidden=[6, 5], **options)
    torch.manual_seed(0)
    delayed = network(nb_hidden=[6, 5], delays=delays, **options)
    with torch.no_grad():
        for a, b in zip(plain.hidden, delayed.hidden, strict=True):
            b.weight.copy_(a.weight)
            b.recurrent_weight.copy_(a.recurrent_weight)
            for name in ("alpha", "beta"):
                own, others = getattr(a, name), b.parameter[name]
                if own.logit is not None:
                    others.raw.copy_(own.logit)
                elif isinstance(own.factor, torch.Tensor):
                    others.raw.copy_(torch.logit(own.factor))
        delayed.readout.weight.copy_(plain.readout.weight)
    x = spikes()
    a, b = plain.trace(x), delayed.trace(x)
    assert sum(s.sum() for s in a.spikes) > 10
    assert all(torch.equal(s, z) for s, z in zip(a.spikes, b.spikes, strict=True))
    assert torch.allclose(a.output, b.output, atol=1e-6)
    assert torch.allclose(plain(x).logits, delayed(x).logits, atol=1e-6)


def test_delays_bias_and_normalisation_need_the_late_timing() -> None:
    for option in (
        {"bias": True},
        {"normalize": "batch"},
        {"delays": DelayOptions(recurrent=[0.0, 3.0])},
    ):
        with pytest.raises(ConfigError, match="timing"):
            network(timing="prompt", **option)
    network(timing="prompt", delays=DelayOptions())
