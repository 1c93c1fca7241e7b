"""Complexity by NeuroBench's definitions, against NeuroBench on a network it can see."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from snn.errors import InputError
from snn.network import SpikingNetwork
from snn.network.complexity import neurobench
from snn.network.layers import LeakyReadout, RecurrentLIF
from snn.neurons import LIFDynamics
from tests.export.packages import package

INPUTS, STEPS, SAMPLES = 12, 20, 24


def _network(timing: str, reset: str = "zero") -> SpikingNetwork:
    dynamics = LIFDynamics(timing=timing, reset=reset)
    layers = [
        RecurrentLIF(INPUTS, 10, 0.8, 0.9, dynamics, weight_scale=1.0, recurrent_weight_scale=0.5),
        RecurrentLIF(10, 8, 0.7, 0.9, dynamics, weight_scale=2.0, recurrent=False),
    ]
    network = SpikingNetwork(layers, LeakyReadout(8, 3, 0.8, 0.9, timing=timing))
    with torch.no_grad():  # weights that are exactly 0 have no operations
        for weight in (layers[0].weight, layers[0].recurrent_weight, network.readout.weight):
            weight[torch.rand_like(weight) < 0.2] = 0.0
    return network.eval()


def _seen(network: SpikingNetwork) -> nn.Module:
    """The network in modules that NeuroBench knows: ``Linear``, and snnTorch's kind of neurons."""
    kind = package("snntorch").SpikingNeuron

    class Neurons(kind):
        """A layer's neurons, whose input is the drive that ``Linear`` modules made."""

        def __init__(self, layer: RecurrentLIF) -> None:
            nn.Module.__init__(self)
            self.layer, self.init_hidden, self.output = [layer], False, False
            self.mem = None

        def forward(self, drive: Tensor, state: tuple) -> tuple:
            (layer,) = self.layer
            one = torch.eye(layer.nb_units)
            d = layer.dynamics
            from snn.neurons import lif

            s, _, after = lif(drive[:, None], one, None, layer.alpha(), layer.beta(), d, state)
            self.mem = after.potential
            return s[:, 0], after

    class Seen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.ModuleList([_linear(layer.weight) for layer in network.hidden])
            self.recurrent = _linear(network.hidden[0].recurrent_weight)
            self.neurons = nn.ModuleList([Neurons(layer) for layer in network.hidden])
            self.out = _linear(network.readout.weight)

        def forward(self, x: Tensor) -> Tensor:
            states, total = [None, None], 0.0
            sent = torch.zeros(len(x), 10)
            for t in range(x.shape[1]):
                drive = self.weights[0](x[:, t]) + self.recurrent(sent)
                spikes, states[0] = self.neurons[0](drive, states[0])
                sent = spikes
                above, states[1] = self.neurons[1](self.weights[1](spikes), states[1])
                total = total + self.out(above)
            return total

    return Seen().eval()


def _linear(weight: Tensor) -> nn.Linear:
    module = nn.Linear(*weight.shape, bias=False)
    module.weight = nn.Parameter(weight.detach().T.clone())
    return module


@pytest.mark.parametrize(("timing", "reset"), [("late", "zero"), ("prompt", "subtract")])
@pytest.mark.parametrize("highest", [1, 3])
def test_agrees_with_neurobench(timing: str, reset: str, highest: int) -> None:
    package("neurobench")
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import ActivationSparsity, MembraneUpdates, SynapticOperations
    from neurobench.models import TorchModel

    network = _network(timing, reset)
    x = (torch.rand(SAMPLES, STEPS, INPUTS) < 0.2).float()
    x = x * torch.randint(1, highest + 1, x.shape)
    ours = neurobench(network, x.split(8))

    model = TorchModel(_seen(network))
    model.add_activation_module(package("snntorch").SpikingNeuron)
    loader = DataLoader(TensorDataset(x, torch.zeros(SAMPLES)), batch_size=8)
    metrics = [
        [Footprint, ConnectionSparsity],
        [ActivationSparsity, MembraneUpdates, SynapticOperations],
    ]
    theirs = Benchmark(model, loader, [], [], metrics).run(quiet=True)
    operations = theirs["SynapticOperations"]

    assert ours["footprint"] == theirs["Footprint"]
    assert round(ours["connection_sparsity"], 4) == pytest.approx(theirs["ConnectionSparsity"])
    assert ours["activation_sparsity"] == pytest.approx(theirs["ActivationSparsity"], abs=1e-12)
    assert 0.02 < 1 - ours["activation_sparsity"] < 0.8
    assert ours["membrane_updates"] == theirs["MembraneUpdates"]
    assert ours["dense_synops"] == operations["Dense"]
    assert ours["effective_macs"] == operations["Effective_MACs"]
    assert ours["effective_acs"] == operations["Effective_ACs"]
    assert (ours["effective_macs"] > 0) == (highest > 1)


def test_training_mode_and_chance_are_left_as_they_were() -> None:
    network = _network("late").train()
    network.hidden[0].dropout = 0.5
    before = torch.random.get_rng_state()
    x = (torch.rand(4, STEPS, INPUTS) < 0.2).float()
    torch.random.set_rng_state(before)
    first, second = neurobench(network, [x]), neurobench(network, [x])
    assert first == second
    assert network.training
    network.hidden[0].eval()
    with pytest.raises(InputError, match="no samples"):
        neurobench(network, [])
    assert network.training
    assert not network.hidden[0].training
    assert torch.equal(torch.random.get_rng_state(), before)
