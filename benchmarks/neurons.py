"""Time one training step by neuron; prints tables in Markdown.

    python -m benchmarks.neurons
    python -m benchmarks.neurons --workloads shd --repeats 15 --threads 1

Every neuron runs on its generated kernels (with its parameters fixed, and learned one per neuron)
and in the eager loop of its own declaration, which takes its drive step by step: by an index, as
SpyTorch and most code that people write do, whose backward pass makes a gradient of the whole drive
for each step; and from one unbind, as the reference of this package does. The input weights are
scaled so that about a tenth of the neurons fires in each step. The nearest neurons of other
installed (``pip install --no-deps norse nir nirtorch snntorch loguru``): snnTorch's RLeaky, and
Norse's LSNNRecurrent, whose threshold adapts. All contenders of a table run in one process, a step
each in turn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import contenders
from benchmarks.contenders import RATE, Step
from benchmarks.machine import description
from benchmarks.timing import interleaved
from benchmarks.workloads import WORKLOADS, Problem
from snn.network import SpikingNetwork
from snn.network.layers import CurrentEncoder, LeakyReadout
from snn.network.neuron_layer import NeuronLayer
from snn.neurons import LIF, CubaLIF, Neuron, RadLIF, SEAdLIF, logits
from snn.neurons.declaration.neuron import Values
from snn.neurons.surrogate import spike
from snn.training.losses import ClassificationLoss, SpikeRegularizer
from snn.training.step import fused_step, plain_step

NEURONS: tuple[Neuron, ...] = (CubaLIF(), LIF(), SEAdLIF(), RadLIF())
FIRING = 0.1
# RadLIF's own limits let potentials explode over many steps
STABLE = {"RadLIF": {"a": [0.0, 1.0]}}


def network_of(problem: Problem, neuron: Neuron, learn: str, scale: float) -> SpikingNetwork:
    """A network of the workload's size, with input weights of this scale."""
    w = problem.workload
    torch.manual_seed(0)
    hidden = NeuronLayer(
        w.inputs,
        w.hidden,
        neuron,
        initial=STABLE.get(type(neuron).__name__),
        learn=dict.fromkeys(neuron.parameters, learn),
        weight_scale=scale,
        recurrent_weight_scale=w.recurrent_scale,
    )
    encoder = CurrentEncoder(4, w.inputs // 4, w.beta) if w.analog else None
    return SpikingNetwork([hidden], LeakyReadout(w.hidden, w.classes, w.alpha, w.beta), encoder)


def firing(problem: Problem, network: SpikingNetwork) -> float:
    """Spikes per neuron and step."""
    with torch.no_grad():
        counts = network(problem.x).spike_counts[0]
    return float(counts.mean()) / problem.workload.steps


def scale_of(problem: Problem, neuron: Neuron) -> float:
    """The scale of input weights with which about a tenth of the neurons fires."""
    low, high = 0.01, 1000.0
    for _ in range(14):
        middle = (low * high) ** 0.5
        found = firing(problem, network_of(problem, neuron, "fixed", middle))
        low, high = (middle, high) if found < FIRING else (low, middle)
    return (low * high) ** 0.5


def step_of(problem: Problem, network: SpikingNetwork, backend: str) -> Step:
    """A training step."""
    network.backend = backend
    run: Callable = plain_step if backend == "einsum" else fused_step
    nll, regularizer, x = ClassificationLoss(), SpikeRegularizer(RATE), problem.x
    if backend == "einsum" and not isinstance(x, Tensor):
        x = x.to_dense(torch.float32)
    return contenders._train(
        network.parameters(), lambda: run(network, x, problem.labels, nll, regularizer).loss
    )


def indexed_step(problem: Problem, network: SpikingNetwork) -> Step:
    """A training step of the loop that indexes its drive."""
    nll, regularizer, x = ClassificationLoss(), SpikeRegularizer(RATE), problem.x
    x = x if isinstance(x, Tensor) else x.to_dense(torch.float32)
    (layer,), encoder = network.hidden, network.encoder

    def loss() -> Tensor:
        sent = x if encoder is None else encoder(x)[0]
        drive = torch.einsum("abc,cd->abd", sent, layer.weight)
        values = Values(**layer.values(), threshold=drive.new_tensor(layer.neuron.threshold))
        state, z, spikes = layer.at_rest(len(x)).states, drive.new_zeros(drive[:, 0].shape), []
        for t in range(x.shape[1]):
            h = drive[:, t] + torch.einsum("ab,bc->ac", z, layer.recurrent_weight)
            v, after = layer.neuron.step(Values(**state), h, values)
            z = spike(v - layer.neuron.threshold, layer.scale, layer.surrogate)
            spikes.append(z)
            state = after(z)
        spikes = torch.stack(spikes, 1)
        trace, _ = network.readout(spikes)
        counts = [spikes.sum(1)]
        return nll(logits(trace, network.logit_rule), problem.labels) + regularizer(counts)

    return contenders._train(network.parameters(), loss)


def snntorch_leaky(problem: Problem) -> Step:
    """snnTorch's RLeaky, its input product taken out of the loop."""
    import snntorch as library
    from snntorch import surrogate

    w = problem.workload
    linear = nn.Linear(w.inputs, w.hidden, bias=False)
    neuron = library.RLeaky(
        w.beta,
        linear_features=w.hidden,
        reset_mechanism="zero",
        spike_grad=surrogate.fast_sigmoid(100),
    )

    def layer(x: Tensor) -> Tensor:
        state, spikes = neuron.init_rleaky(), []
        for h in linear(x).unbind(0):
            state = neuron(h, *state)
            spikes.append(state[0])
        return torch.stack(spikes)

    return contenders._peer(problem, layer, [linear, neuron])


def norse_adaptive(problem: Problem) -> Step:
    """Norse's LSNNRecurrent."""
    from norse.torch import LSNNParameters, LSNNRecurrent

    w = problem.workload
    layer = LSNNRecurrent(w.inputs, w.hidden, p=LSNNParameters(method="super"))
    return contenders._peer(problem, lambda x: layer(x)[0], [layer])


PEERS = {"snnTorch RLeaky": snntorch_leaky, "Norse LSNNRecurrent": norse_adaptive}


def table(name: str, repeats: int) -> Iterator[str]:
    """Lines of a workload's table."""
    problem = Problem.draw(WORKLOADS[name])
    steps: dict[tuple[str, str], Step] = {}
    rates: dict[str, float] = {}
    for neuron in NEURONS:
        kind, scale = type(neuron).__name__, scale_of(problem, neuron)
        rates[kind] = firing(problem, network_of(problem, neuron, "fixed", scale))
        for learn, backend in (("fixed", "cpu"), ("neuron", "cpu"), ("neuron", "einsum")):
            network = network_of(problem, neuron, learn, scale)
            steps[kind, f"{backend} {learn}"] = step_of(problem, network, backend)
        steps[kind, "indexed"] = indexed_step(problem, network_of(problem, neuron, "neuron", scale))
    for peer, make in PEERS.items():
        try:
            steps[peer, "peer"] = make(problem)
        except ImportError as error:
            print(f"{peer} left out: {error}", file=sys.stderr)
    for step in steps.values():
        step()
    times, quiet = interleaved(steps, repeats)
    median = {key: float(np.median(values)) for key, values in times.items()}
    w = problem.workload
    yield (
        f"**{w.name}**: {w.hidden} hidden, {w.steps} steps, batch {w.batch}, "
        f"{torch.get_num_threads()} threads; {quiet}\n"
    )
    yield (
        "| | firing | fixed, ms | learned, ms | eager: indexed | unbind | indexed / learned "
        "| unbind / learned | fixed / CubaLIF |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    base = median["CubaLIF", "cpu fixed"]
    for kind, rate in rates.items():
        fixed, learned = median[kind, "cpu fixed"], median[kind, "cpu neuron"]
        indexed, unbind = median[kind, "indexed"], median[kind, "einsum neuron"]
        yield (
            f"| {kind} | {rate:.0%} | {fixed:.1f} | {learned:.1f} | {indexed:.0f} | {unbind:.0f} | "
            f"{indexed / learned:.1f} | {unbind / learned:.1f} | {fixed / base:.2f} |"
        )
    for peer in PEERS:
        if (peer, "peer") in median:
            yield f"| {peer} | | | | | {median[peer, 'peer']:.0f} | | | |"
    yield ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workloads", nargs="+", default=list(WORKLOADS), choices=WORKLOADS)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    print(" ".join(["`python -m benchmarks.neurons", *sys.argv[1:]]) + "`,")
    print(f"{description()}, float32.\n")
    for name in args.workloads:
        for line in table(name, args.repeats):
            print(line, flush=True)


if __name__ == "__main__":
    main()
