"""What is compared: each contender is a function that does one training step.

A step is forward pass, loss, backward pass and Adam update. All but our kernels get their input
dense and ready, on which no time is counted.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.workloads import Problem
from snn.network import SpikingNetwork
from snn.neurons.surrogate import spike
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step, plain_step

Step = Callable[[], Tensor]
RATE = 1e-6
"""Of the spike regulariser. With it no step of the backward pass can be left out."""


def _train(parameters, loss: Callable[[], Tensor]) -> Step:
    parameters = list(parameters)
    on_gpu = {"capturable": True} if parameters[0].is_cuda else {}
    # small: the firing rate shall not drift
    optimizer = torch.optim.Adam(parameters, lr=1e-5, fused=True, **on_gpu)

    def step() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value.detach()

    return step


def _backend(problem: Problem, backend: str, step: Callable = plain_step) -> Step:
    network = problem.network(backend)
    nll, regularizer = ClassificationLoss(), SpikeRegularizer(RATE)
    x = problem.x
    if backend == "einsum" and not isinstance(x, Tensor):
        x = x.to_dense(torch.float32)
    return _train(
        network.parameters(), lambda: step(network, x, problem.labels, nll, regularizer).loss
    )


def cpu_fused(problem: Problem) -> Step:
    """Our kernels, one pass for loss and gradients."""
    return _backend(problem, "cpu", fused_step)


def cpu(problem: Problem) -> Step:
    """Our kernels, forward and backward apart."""
    return _backend(problem, "cpu")


def einsum(problem: Problem) -> Step:
    """Our reference."""
    return _backend(problem, "einsum")


def _slices(x: Tensor, unbind: bool) -> Callable[[int], Tensor]:
    """Step t of ``[batch, step, unit]``, by indexing as SpyTorch does, or from one unbind."""
    if unbind:
        return x.unbind(1).__getitem__
    return lambda t: x[:, t]


def _encode(network: SpikingNetwork, x: Tensor, unbind: bool) -> Tensor:
    """SpyTorch's encoder of analog signals."""
    e, beta = network.encoder, network.encoder.beta()
    currents = _slices(e.gain * (x.tile(1, 1, e.nb_units // x.shape[2]) + e.bias), unbind)
    potential = previous = x.new_zeros(len(x), e.nb_units)
    encoded = []
    for t in range(x.shape[1]):
        z = spike(potential - 1.0)
        encoded.append(z)
        potential = (beta * potential + (1.0 - beta) * currents(t)) * (1.0 - previous.detach())
        previous = z
    return torch.stack(encoded, 1)


def _loop(network: SpikingNetwork, x: Tensor, unbind: bool) -> tuple[Tensor, Tensor]:
    """SpyTorch's way through a recurrent layer and its readout: maxima over time, and spikes."""
    (layer,), readout = network.hidden, network.readout
    alpha, beta = layer.alpha(), layer.beta()
    if network.encoder is not None:
        x = _encode(network, x, unbind)
    drive = _slices(torch.einsum("abc,cd->abd", x, layer.weight), unbind)
    synapse = membrane = out = x.new_zeros(len(x), layer.nb_units)
    spikes = []
    for t in range(x.shape[1]):
        h = drive(t) + torch.einsum("ab,bc->ac", out, layer.recurrent_weight)
        out = spike(membrane - 1.0)
        spikes.append(out)
        membrane = (beta * membrane + synapse) * (1.0 - out.detach())
        synapse = alpha * synapse + h
    spikes = torch.stack(spikes, 1)
    drive = _slices(torch.einsum("abc,cd->abd", spikes, readout.weight), unbind)
    flt = out = x.new_zeros(len(x), readout.weight.shape[1])
    trace = [out]
    for t in range(x.shape[1]):
        out = beta * out + flt
        flt = alpha * flt + drive(t)
        trace.append(out)
    return torch.stack(trace, 1).max(1).values, spikes


def _spytorch(problem: Problem, unbind: bool) -> Step:
    network = problem.network("einsum")
    x = problem.x if isinstance(problem.x, Tensor) else problem.x.to_dense(torch.float32)

    def loss() -> Tensor:
        maxima, spikes = _loop(network, x, unbind)
        return F.nll_loss(maxima.log_softmax(1), problem.labels) + RATE * spikes.sum()

    return _train(network.parameters(), loss)


def spytorch(problem: Problem) -> Step:
    """An own implementation of SpyTorch's loop, indexing the drive at each step as it does."""
    return _spytorch(problem, unbind=False)


def spytorch_unbind(problem: Problem) -> Step:
    """The same loop with one unbind instead."""
    return _spytorch(problem, unbind=True)


def _spikes(problem: Problem) -> Tensor:
    """The input as spikes; those of the encoder, on which no time is counted, if it is analog."""
    if not problem.workload.analog:
        return problem.x.to_dense(torch.float32)
    with torch.no_grad():
        return problem.network("einsum").trace(problem.x).input


class _Around(nn.Module):
    """A recurrent layer of another library, with a linear readout and the maximum over time."""

    def __init__(self, layer: Callable[[Tensor], Tensor], problem: Problem, parts: list[nn.Module]):
        super().__init__()
        self.layer, self.parts = layer, nn.ModuleList(parts)
        self.readout = nn.Linear(problem.workload.hidden, problem.workload.classes, bias=False)
        self.to(problem.labels.device)

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """From a time-major input."""
        activity = self.layer(x)
        return F.cross_entropy(self.readout(activity).amax(0), labels) + RATE * activity.sum()


def _peer(problem: Problem, layer: Callable[[Tensor], Tensor], parts: list[nn.Module]) -> Step:
    network = _Around(layer, problem, parts)
    x = _spikes(problem).transpose(0, 1).contiguous()
    return _train(network.parameters(), lambda: network.loss(x, problem.labels))


def torch_rnn(problem: Problem) -> Step:
    """torch.nn.RNN: no spikes; PyTorch's own fused loop as a yardstick."""
    rnn = nn.RNN(problem.workload.inputs, problem.workload.hidden)
    return _peer(problem, lambda x: rnn(x)[0], [rnn])


def norse(problem: Problem) -> Step:
    """Norse's LIFRecurrent."""
    from norse.torch import LIFParameters, LIFRecurrent

    w = problem.workload
    layer = LIFRecurrent(w.inputs, w.hidden, p=LIFParameters(method="super"))
    return _peer(problem, lambda x: layer(x)[0], [layer])


def snntorch(problem: Problem) -> Step:
    """snnTorch's RSynaptic, its input product taken out of the loop."""
    import snntorch as library
    from snntorch import surrogate

    w = problem.workload
    linear = nn.Linear(w.inputs, w.hidden, bias=False)
    neuron = library.RSynaptic(
        w.alpha,
        w.beta,
        linear_features=w.hidden,
        reset_mechanism="zero",
        spike_grad=surrogate.fast_sigmoid(100),
    )

    def layer(x: Tensor) -> Tensor:
        state, spikes = neuron.init_rsynaptic(), []
        for h in linear(x).unbind(0):
            state = neuron(h, *state)
            spikes.append(state[0])
        return torch.stack(spikes)

    return _peer(problem, layer, [linear, neuron])


def spikingjelly(problem: Problem) -> Step:
    """SpikingJelly's LIFNode in its recurrent container."""
    from spikingjelly.activation_based import functional, neuron
    from spikingjelly.activation_based.layer import LinearRecurrentContainer

    w = problem.workload
    linear = nn.Linear(w.inputs, w.hidden, bias=False)
    recurrent = LinearRecurrentContainer(
        neuron.LIFNode(tau=2.0, detach_reset=True), w.hidden, w.hidden, bias=False, step_mode="m"
    )

    def layer(x: Tensor) -> Tensor:
        functional.reset_net(recurrent)
        return recurrent(linear(x))

    return _peer(problem, layer, [linear, recurrent])


CONTENDERS: dict[str, Callable[[Problem], Step]] = {
    "spytorch": spytorch,
    "spytorch_unbind": spytorch_unbind,
    "norse": norse,
    "snntorch": snntorch,
    "spikingjelly": spikingjelly,
    "torch_rnn": torch_rnn,
    "einsum": einsum,
    "cpu": cpu,
    "cpu_fused": cpu_fused,
}
