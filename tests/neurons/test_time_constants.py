"""Time constants of each neuron: how they are drawn, kept, and learned."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from snn.config.assembly import build
from snn.errors import ConfigError
from snn.network.layers import Decay
from snn.neurons.time_constants import DISTRIBUTIONS, LARGEST_FACTOR, spread_decay
from tests.commands import SMALL, config_of, run, weights

MANY = 200_000
SPREAD = ("model.tau_mem_spread=1", "model.tau_syn_spread=0.5")


def factors(distribution: str, spread: float, decay: float = 0.9) -> torch.Tensor:
    """Drawn time constants relative to the common one."""
    return math.log(decay) / spread_decay(decay, spread, MANY, distribution).log()


def test_log_uniform_is_uniform_in_octaves() -> None:
    octaves = factors("log_uniform", 1.5).log2()
    assert octaves.min() >= -1.5
    assert octaves.max() <= 1.5
    quartiles = octaves.quantile(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64))
    assert quartiles.tolist() == pytest.approx([-0.75, 0.0, 0.75], abs=0.02)


def test_log_normal_has_its_deviation_in_octaves() -> None:
    octaves = factors("log_normal", 0.5).log2()
    assert octaves.mean().item() == pytest.approx(0.0, abs=0.01)
    assert octaves.std().item() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("distribution", ["normal", "gamma"])
def test_normal_and_gamma_have_mean_one_and_their_deviation(distribution: str) -> None:
    drawn = factors(distribution, 0.2)
    assert drawn.mean().item() == pytest.approx(1.0, abs=0.01)
    assert drawn.std().item() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("decay", [1e-3, 0.5, 1 - 1e-4])
def test_no_spread_makes_a_decay_impossible(distribution: str, decay: float) -> None:
    decays = spread_decay(decay, 3.0, MANY, distribution)
    assert (decays > 0).all()
    assert (decays < 1).all()
    drawn = math.log(decay) / decays.log()
    assert drawn.min() * (1 + 1e-9) >= 1 / LARGEST_FACTOR
    assert drawn.max() <= LARGEST_FACTOR * (1 + 1e-9)


def test_the_global_seed_decides() -> None:
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(spread_decay(0.9, 1.0, 20))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_unknown_distribution() -> None:
    with pytest.raises(ConfigError, match="tau_distribution='cauchy'"):
        spread_decay(0.9, 1.0, 4, "cauchy")


def test_a_layer_s_drawn_decays_are_kept_with_its_weights() -> None:
    drawn = spread_decay(0.9, 1.0, 6)
    decay = Decay(drawn, 6)
    assert torch.equal(decay(), drawn.float())
    assert not list(decay.parameters())
    other = Decay(spread_decay(0.9, 1.0, 6), 6)
    other.load_state_dict(decay.state_dict())
    assert torch.equal(other(), decay())
    assert not Decay(0.9, 6).state_dict()  # as before there were such


def test_learned_decays_start_as_drawn_and_stay_possible() -> None:
    drawn = spread_decay(0.9, 1.0, 6)
    decay = Decay(drawn, 6, "neuron")
    assert torch.allclose(decay(), drawn.float(), atol=1e-6)
    optimizer = torch.optim.SGD(decay.parameters(), lr=1e6)
    for sign in (1, -1):
        (sign * decay().sum()).backward()
        optimizer.step()
        optimizer.zero_grad()
        assert ((decay() > 0) & (decay() < 1)).all()


def test_one_learned_value_cannot_be_drawn_for_each_neuron() -> None:
    with pytest.raises(ConfigError, match="fixed or neuron"):
        Decay(spread_decay(0.9, 1.0, 6), 6, "layer")
    config = config_of(*SMALL, "model.tau_mem_spread=1", "model.learn_beta=layer")
    with pytest.raises(ConfigError, match=r"model\.learn_beta='layer'.*fixed or neuron"):
        build(config, Path(), progress="none", resume=False)


def test_a_decay_outside_of_the_unit_interval_is_named() -> None:
    with pytest.raises(ConfigError, match=r"decay=1\.5"):
        Decay(torch.tensor([0.5, 1.5]), 2)


def network_of(tmp_path: Path, *overrides: str):
    config = config_of(*SMALL, *overrides)
    torch.manual_seed(config["seed"])
    return build(config, tmp_path, progress="none", resume=False).module.network


def test_keys_reach_hidden_layers_and_not_the_readout(tmp_path: Path) -> None:
    network = network_of(tmp_path, *SPREAD, "model.nb_hidden=[24,12]")
    for layer, units in zip(network.hidden, (24, 12), strict=True):
        assert layer.alpha().shape == layer.beta().shape == (units,)
        octaves = (math.log(math.exp(-1 / 10)) / layer.beta().double().log()).log2()
        assert octaves.abs().max() <= 1 + 1e-4
        assert octaves.std() > 0.3
    assert network.readout.beta() == pytest.approx(math.exp(-1 / 10))
    assert network.readout.alpha() == pytest.approx(math.exp(-1 / 5))
    assert not torch.equal(network.hidden[0].beta()[:12], network.hidden[1].beta())


def test_a_spread_of_null_or_zero_draws_nothing(tmp_path: Path) -> None:
    plain = network_of(tmp_path)
    zero = network_of(tmp_path, "model.tau_mem_spread=0")
    assert torch.equal(plain.hidden[0].weight, zero.hidden[0].weight)
    assert isinstance(zero.hidden[0].beta(), float)


def test_weight_decay_leaves_learned_time_constants_alone(tmp_path: Path) -> None:
    learn = ("model.learn_beta=neuron", "model.learn_alpha=layer", "optimizer=adamw")
    config = config_of(*SMALL, *learn, "optimizer.weight_decay=0.5")
    module = build(config, tmp_path, progress="none", resume=False).module
    (optimizer,), _ = module.configure_optimizers()
    weights, constants = optimizer.param_groups
    assert (weights["weight_decay"], constants["weight_decay"]) == (0.5, 0.0)
    names = {id(p): name for name, p in module.network.named_parameters()}
    assert {names[id(p)] for p in constants["params"]} == {
        "hidden.0.alpha.logit",
        "hidden.0.beta.logit",
    }
    everything = [*weights["params"], *constants["params"]]
    assert {id(p) for p in everything} == {id(p) for p in module.parameters()}


@pytest.mark.parametrize("learn", ["fixed", "neuron"])
def test_training_keeps_fixed_ones_and_moves_learned_ones(tmp_path: Path, learn: str) -> None:
    run(tmp_path, *SMALL, *SPREAD, f"model.learn_beta={learn}")
    start = network_of(tmp_path / "again", *SPREAD, f"model.learn_beta={learn}").state_dict()
    name = "hidden.0.beta.factor" if learn == "fixed" else "hidden.0.beta.logit"
    end = weights(tmp_path)[f"network.{name}"]
    assert end.shape == (24,)
    assert torch.equal(end, start[name]) == (learn == "fixed")
