"""Networks without spikes: equations, operations by NeuroBench's definitions, a run of them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from snn.config.schema import check
from snn.data.randman import Randman
from snn.errors import ConfigError
from snn.evaluation.outcomes import observe
from snn.network.complexity import neurobench
from snn.network.layers import CurrentEncoder, LeakyReadout
from snn.network.recurrent import LinearReadout, RecurrentNetwork
from snn.runs import RunDirectory
from snn.runs.loading import load
from tests.commands import SMALL, command, config_of, run, same_weights

BATCH, STEPS, INPUTS, UNITS, CLASSES = 3, 7, 5, 4, 2


def network(cell: str, **options: object) -> RecurrentNetwork:
    readout = LeakyReadout(UNITS, CLASSES, 0.8, 0.9)
    return RecurrentNetwork(INPUTS, [UNITS], readout, cell, **options)


@pytest.fixture
def x() -> Tensor:
    return (torch.rand(BATCH, STEPS, INPUTS) < 0.3).float()


def test_tanh_units_are_elmans(x: Tensor) -> None:
    net = network("tanh")
    layer = net.layers[0]
    h, states = torch.zeros(BATCH, UNITS), []
    for t in range(STEPS):
        bias = layer.bias_ih_l0 + layer.bias_hh_l0
        h = torch.tanh(x[:, t] @ layer.weight_ih_l0.T + h @ layer.weight_hh_l0.T + bias)
        states.append(h)
    found = net.states(net.encoded(x))[0]
    torch.testing.assert_close(found, torch.stack(states, 1))
    output = net(x)
    trace, _ = net.readout(found)
    torch.testing.assert_close(output.logits, trace.amax(1))
    assert output.spike_counts == []


@pytest.mark.parametrize("cell", ["tanh", "gru"])
def test_operations(cell: str, x: Tensor) -> None:
    net, gates = network(cell), {"tanh": 1, "gru": 3}[cell]
    found = neurobench(net, [x[:2], x[2:]])
    per_step = gates * (INPUTS * UNITS + UNITS * UNITS) + UNITS * CLASSES
    assert found["dense_synops"] == STEPS * per_step
    # Spikes come in as additions; states are numbers, and there are none before the first step.
    assert found["effective_acs"] == pytest.approx(gates * UNITS * x.sum().item() / BATCH)
    recurrent = (STEPS - 1) * gates * UNITS * UNITS
    assert found["effective_macs"] == recurrent + STEPS * UNITS * CLASSES
    assert found["connection_sparsity"] == 0.0
    assert "membrane_updates" not in found


def test_numbers_come_in_as_multiplications(x: Tensor) -> None:
    found = neurobench(network("tanh"), [2 * x + 0.5])
    assert found["effective_acs"] == 0
    assert found["effective_macs"] == (
        STEPS * (INPUTS * UNITS + UNITS * CLASSES) + (STEPS - 1) * UNITS * UNITS
    )


def test_parts_that_do_not_fit_together_are_refused() -> None:
    readout = LinearReadout(7, 2)
    with pytest.raises(ConfigError, match="sizes="):
        RecurrentNetwork(5, [], readout)
    with pytest.raises(ConfigError, match=r"readout.nb_inputs=7: must be 6"):
        RecurrentNetwork(5, [6], readout)
    with pytest.raises(ConfigError, match="nb_inputs=5: must be 8"):
        RecurrentNetwork(5, [7], readout, encoder=CurrentEncoder(4, 2, 0.9))
    with pytest.raises(ValueError, match=r"real numbers \[batch, step, 5\]"):
        RecurrentNetwork(5, [7], readout)(torch.zeros(2, 3, 4))


def test_recurrent_weights_are_orthogonal_by_gate() -> None:
    for part in network("gru").layers[0].weight_hh_l0.split(UNITS):
        torch.testing.assert_close(part @ part.T, torch.eye(UNITS))


def test_dropout_masks() -> None:
    net = network("tanh", dropout=0.5)
    states = torch.ones(BATCH, STEPS, UNITS)
    masked = net._dropped(states)
    assert set(masked.unique().tolist()) <= {0.0, 2.0}
    assert (masked == masked[:, :1]).all()
    assert torch.equal(net.eval()._dropped(states), states)


def test_an_encoder_and_a_linear_readout() -> None:
    encoder = CurrentEncoder(2, 3, 0.9)
    net = RecurrentNetwork(6, [5, 4], LinearReadout(4, CLASSES), "gru", encoder, "mean")
    net(torch.randn(BATCH, STEPS, 2)).logits.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.seconds(3)
def test_a_run_goes_through_the_same_pipeline(tmp_path: Path) -> None:
    line = [*SMALL, "model=rnn", "trainer.max_epochs=15"]
    line = [item for item in line if not item.startswith("model.scale")]
    found = run(tmp_path / "run", *line)
    assert found["metrics.final.train.nll"] < math.log(4)
    assert not [key for key in found if key.endswith(("spikes_per_sample", "synops_per_sample"))]
    assert found["metrics.final.test.neurobench/effective_macs"] > 0
    assert found["metrics.final.test.regularizer"] == 0
    trained = load(tmp_path / "run")
    data = Randman(**{k: v for k, v in trained.config["data"].items() if k != "_target_"})
    data.setup()
    samples, labels = data.test[torch.arange(len(data.test))]
    share = (trained.predict(samples).classes == labels).double().mean().item()
    best = RunDirectory(tmp_path / "run").best.exists()
    which = "best" if best else "final"
    assert share == pytest.approx(found[f"metrics.{which}.test.accuracy"])

    assert observe(trained.network, data.test).hidden_spikes.shape == (len(data.test), 0)

    again = run(tmp_path / "again", *line, "callbacks.best=null", "test=false")
    assert same_weights(tmp_path / "run", tmp_path / "again")
    # Without a test part operations are counted on what is chosen by.
    assert again["metrics.final.val.neurobench/dense_synops"] > 0


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("model.scale=5", "exact gradient"),
        ("model.regularizer=1e-3", "none to be regularised"),
        ("model.tau_mem=20", r"readout's is model.readout_tau_mem"),
        ("model.backend=cpu", "kernels compute spiking networks"),
    ],
)
def test_keys_that_mean_nothing_without_spikes(given: str, why: str) -> None:
    ended = command("model=rnn", given)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"error: {given.partition('=')[0]}=")
    assert "must be left out" in line
    assert why.replace("\\", "") in line


def test_a_preset_that_sets_them() -> None:
    config = config_of("model=rnn")
    config["model"]["scale"] = 20.0
    with pytest.raises(ConfigError, match=r"~model\.scale where a preset sets it"):
        check(config)
