"""Values that a layer or a network is made with are checked where they enter."""

import math

import numpy as np
import pytest
import torch

from snn.errors import ConfigError
from snn.events import EventStore
from snn.network import SpikingNetwork
from snn.network.layers import CurrentEncoder, Decay, LeakyReadout, RecurrentLIF
from snn.neurons import LIFDynamics, logits
from snn.neurons.surrogate import SURROGATES


def network(**given):
    return SpikingNetwork([RecurrentLIF(3, 4, 0.8, 0.9)], LeakyReadout(4, 2, 0.8, 0.9), **given)


MAKE = {
    "dynamics": LIFDynamics,
    "layer": lambda **given: RecurrentLIF(**{"nb_inputs": 3, "nb_units": 4, **DECAYS, **given}),
    "readout": lambda **given: LeakyReadout(**{"nb_inputs": 3, "nb_classes": 4, **DECAYS, **given}),
    "encoder": lambda **given: CurrentEncoder(
        **{"nb_channels": 2, "copies": 3, "beta": 0.9, **given}
    ),
    "decay": lambda **given: Decay(**{"factor": 0.9, "units": 3, **given}),
    "network": network,
}
DECAYS = {"alpha": 0.8, "beta": 0.9}


@pytest.mark.parametrize(
    ("what", "name", "value"),
    [
        ("dynamics", "threshold", math.nan),
        ("dynamics", "threshold", math.inf),
        ("dynamics", "threshold", "1"),
        ("dynamics", "threshold", True),
        ("dynamics", "scale", 0.0),
        ("dynamics", "surrogate", "typo"),
        ("dynamics", "reset", "typo"),
        ("dynamics", "recurrence", "typo"),
        ("dynamics", "detach_reset", 1),
        ("dynamics", "initial_potential", -math.inf),
        ("layer", "nb_units", 0),
        ("layer", "nb_inputs", 3.0),
        ("layer", "alpha", "0.8"),
        ("layer", "dynamics", "zero"),
        ("layer", "recurrent", "false"),
        ("layer", "learn_alpha", "typo"),
        ("layer", "learn_beta", "typo"),
        ("layer", "weight_scale", -1.0),
        ("layer", "recurrent_weight_scale", math.nan),
        ("layer", "fan", "typo"),
        ("layer", "dropout", 1.0),
        ("layer", "dropout", -0.1),
        ("layer", "dropout_mask", "typo"),
        ("readout", "nb_classes", 0),
        ("readout", "fan", "typo"),
        ("readout", "leak_scaled_input", "yes"),
        ("encoder", "copies", 0),
        ("encoder", "threshold", math.nan),
        ("encoder", "scale", -1.0),
        ("encoder", "surrogate", "typo"),
        ("decay", "learn", "typo"),
        ("network", "logit_rule", "typo"),
        ("network", "backend", "typo"),
        ("network", "encoder", "typo"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_name(what, name, value):
    with pytest.raises(ConfigError) as caught:
        MAKE[what](**{name: value})
    assert caught.value.key == name
    assert caught.value.value is value
    MAKE[what]()


def test_a_network_needs_a_hidden_layer():
    with pytest.raises(ConfigError, match=r"^hidden="):
        SpikingNetwork([], LeakyReadout(4, 2, 0.8, 0.9))


@pytest.mark.parametrize("backend", ["einsum", "auto"])
@pytest.mark.parametrize("analog", [False, True])
def test_an_input_that_does_not_fit_is_refused_by_every_backend(backend, analog):
    made = network(encoder=CurrentEncoder(1, 3, 0.9)) if analog else network()
    made.backend = backend
    units = 1 if analog else 3
    for shape in ((4, units), (2, 5, units + 3), (2, 5, 0)):
        with pytest.raises(ValueError, match=rf"must be real numbers \[batch, step, {units}\]"):
            made(torch.zeros(shape))
    with pytest.raises(TypeError, match="must be a tensor or events, not ndarray"):
        made(np.zeros((2, 5, units)))
    events = EventStore.from_events([0], [0], [0], nb_samples=1, nb_steps=2, nb_units=7)
    with pytest.raises(ValueError, match=f"events of 7 units: must be of {units}"):
        made(events)
    assert made(torch.zeros(2, 0, units)).logits.shape == (2, 2)
    assert made.trace(torch.zeros(2, 0, units)).spikes[0].shape == (2, 0, 4)


def test_decays_of_their_own_are_as_many_as_units_and_stay_the_callers():
    with pytest.raises(ConfigError, match=r"decay=\[3\]: must be one number, or 8 of them"):
        Decay(torch.full((3,), 0.8), 8)
    given = torch.full((8,), 0.9, dtype=torch.float64)
    torch.set_default_dtype(torch.float64)
    try:
        made = Decay(given, 8)
    finally:
        torch.set_default_dtype(torch.float32)
    made.factor.fill_(0.5)
    assert given.unique().tolist() == [0.9]


def test_what_is_changed_later_is_checked_when_it_is_used():
    x = torch.zeros(2, 5, 3)
    made = network()
    made.backend = "typo"
    with pytest.raises(ConfigError, match="backend='typo'"):
        made(x)
    made = network()
    made.logit_rule = "typo"
    with pytest.raises(ConfigError, match="logit_rule='typo'"):
        made(x)
    with pytest.raises(ConfigError, match="one of max, mean"):
        logits(torch.zeros(2, 6, 3), "typo")


def test_a_surrogate_that_was_added_is_allowed(monkeypatch):
    monkeypatch.setitem(SURROGATES, "mine", lambda x, s: torch.ones_like(x))
    assert LIFDynamics(surrogate="mine").surrogate == "mine"
