"""Layers and networks of declared neurons, with delays on the way in and back."""

import pytest
import torch

from snn.errors import ConfigError
from snn.network import SpikingNetwork
from snn.network.delays import DelayOptions
from snn.network.layers import CurrentEncoder, LeakyReadout
from snn.network.neuron_layer import NeuronLayer
from snn.neurons import LIF, CubaLIF, SEAdLIF
from tests.kernels.compare import error
from tests.requirements import needs

BOTH = {"recurrent": [0.0, 4.0], "input": [0.0, 5.0], "most": 6, "width": 2.0}


def network_of(backend: str, *, training: bool = True, **delays) -> SpikingNetwork:
    torch.manual_seed(0)
    options = {"delays": DelayOptions(**delays), "weight_scale": 3.0, "scale": 5.0, "bias": True}
    hidden = [
        NeuronLayer(8, 12, CubaLIF(), 1.0, **options),
        NeuronLayer(12, 9, SEAdLIF(), 1.0, **options),
    ]
    network = SpikingNetwork(hidden, LeakyReadout(9, 3, 0.8, 0.9), backend=backend).double()
    return network.train(training)


def spikes(steps: int = 25) -> torch.Tensor:
    torch.manual_seed(1)
    return (torch.rand(4, steps, 8) < 0.3).double()


@needs("cpu")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("delays", [{}, BOTH, {"recurrent": [0.0, 4.0]}, {"input": [1.0, 3.0]}])
def test_both_backends_give_the_same(delays, training):
    x, found = spikes(), []
    for backend in ("einsum", "cpu"):
        network = network_of(backend, training=training, **delays)
        logits, counts = network(x)
        (logits.square().sum() + sum(n.sum() for n in counts)).backward()
        found.append((logits, counts, [p.grad for p in network.parameters()]))
    (logits, counts, grads), (logits2, counts2, grads2) = found
    assert torch.allclose(logits, logits2, atol=1e-10)
    assert all(torch.equal(a, b) for a, b in zip(counts, counts2, strict=True))
    for a, b in zip(grads, grads2, strict=True):
        assert (a is None or not a.any()) if b is None else torch.allclose(a, b, atol=1e-8)


@needs("cpu")
@pytest.mark.parametrize("neurons", [(SEAdLIF(),), (CubaLIF(), SEAdLIF()), (LIF(), CubaLIF())])
@pytest.mark.parametrize("analog", [False, True])
def test_many_samples_with_and_without_an_encoder(neurons, analog):
    torch.manual_seed(2)
    options = {"weight_scale": 3.0, "scale": 5.0}
    encoder = CurrentEncoder(4, 2, 0.85, scale=5.0) if analog else None
    hidden = [NeuronLayer(8 if i == 0 else 24, 24, n, **options) for i, n in enumerate(neurons)]
    network = SpikingNetwork(hidden, LeakyReadout(24, 3, 0.8, 0.9), encoder)
    x = 2 * torch.randn(70, 12, 4) if analog else (torch.rand(70, 12, 8) < 0.3).float()
    found = []
    for backend in ("einsum", "cpu"):
        network.backend = backend
        logits, counts = network(x)
        network.zero_grad()
        (logits.square().sum() + sum(n.sum() for n in counts)).backward()
        found.append((counts, {n: p.grad.clone() for n, p in network.named_parameters()}))
    (counts, grads), (counts2, grads2) = found
    assert all(torch.equal(a, b) for a, b in zip(counts, counts2, strict=True))
    for name, grad in grads.items():  # of float32
        assert error(grads2[name], grad) < 1e-3, name


def test_a_sequence_in_chunks_is_the_same_as_in_one_piece():
    network, x = network_of("einsum", **BOTH), spikes()
    whole = network.trace(x)
    first = network.trace(x[:, :10])
    second = network.trace(x[:, 10:], first.state)
    for i in range(2):
        assert torch.equal(whole.spikes[i], torch.cat([first.spikes[i], second.spikes[i]], 1))
    assert set(whole.states[1]) == {"u", "w"}
    assert whole.states[1]["w"].shape == (4, 25, 9)


def test_delays_sharpen_while_training_and_are_rounded_after_it():
    layer = NeuronLayer(3, 4, LIF(), delays=DelayOptions(recurrent=[1.0, 2.0], width=4.0))
    begin = (layer.recurrent_taps() > 0).sum(0)
    layer.set_progress(1.0)
    end = (layer.recurrent_taps() > 0).sum(0)
    assert (end < begin).all()
    layer.eval()
    assert torch.equal((layer.recurrent_taps() > 0).sum(0), torch.ones(4, dtype=torch.int64))


def test_a_delay_stays_between_none_and_the_longest():
    layer = NeuronLayer(3, 4, LIF(), delays=DelayOptions(recurrent=[0.0, 2.0], most=5))
    with torch.no_grad():
        layer.recurrent_delays.raw.copy_(torch.tensor([-1.0, 0.2, 0.4, 9.0]))
    layer.keep_in_range()
    assert layer.recurrent_delays.delay.tolist() == pytest.approx([0.0, 2.0, 4.0, 5.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"recurrent": [0.0, 50.0]},
            r"delays.recurrent=\[0.0, 50.0\]: must be \[low, high\]",
        ),
        ({"input": [5.0, 1.0]}, r"model.delays.input=\[5.0, 1.0\]"),
        ({"most": 0}, "model.delays.most=0: must be greater than 0"),
        ({"learn": "layer"}, "model.delays.learn='layer': must be 'fixed' or 'neuron'"),
    ],
)
def test_wrong_delays_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        DelayOptions(**options)


def test_recurrent_delays_need_recurrence():
    delays = DelayOptions(recurrent=[0.0, 2.0])
    with pytest.raises(ConfigError, match=r"delays\.recurrent"):
        NeuronLayer(3, 4, LIF(), delays=delays, recurrent=False)
