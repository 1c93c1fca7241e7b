"""An exported network in SpikingJelly and Norse, spike by spike.

    python -m benchmarks.nir_agreement RUN [--samples 1000] [--allow-difference]

Needs ``pip install --no-deps -r tests/export/simulators.txt`` and the run's data. All compute in
float64; Norse holds thresholds and time constants in float32, whatever its module's dtype.
"""

from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import snn
from snn.export.nir import differences, save_nir, to_nir
from snn.neurons import logits

DT = 1e-3
# of a module, in one step: input and state to output and state
Stepper = Callable[[Tensor, object], tuple[Tensor, object]]


def spikingjelly(path: Path) -> tuple[nn.Module, Callable[[object], Tensor]]:
    """The graph in SpikingJelly, and how the readout's potential is read from the state."""
    from spikingjelly.activation_based import nir_exchange

    module = nir_exchange.import_from_nir(str(path), dt=DT, dtype=torch.float64).eval()
    # state of CUBALIFNode: potential, current
    return module, lambda state: state["readout"][0]


def norse(path: Path) -> tuple[nn.Module, Callable[[object], Tensor]]:
    """The graph in Norse, likewise."""
    import nir
    import norse.torch

    module = norse.torch.from_nir(nir.read(str(path)), dt=DT).double().eval()
    return module, lambda state: state.state["readout"][-1][1].v


SIMULATORS = {"spikingjelly": spikingjelly, "norse": norse}


@torch.no_grad()
def run(
    module: nn.Module, potential: Callable[[object], Tensor], x: Tensor, layers: int
) -> tuple[list[Tensor], Tensor]:
    """Spikes of each hidden layer ``[batch, step, unit]`` and the readout's trace.

    Args:
        module: called as ``(input of a step, state)``.
        potential: of the readout, from the state.
        x: ``[batch, step, unit]``.
        layers: number of hidden layers.
    """
    spikes: list[list[Tensor]] = [[] for _ in range(layers)]
    hooks = [
        module.get_submodule(f"hidden_{i}").register_forward_hook(
            lambda _module, _input, output, i=i: spikes[i].append(output[0])
        )
        for i in range(layers)
    ]
    state, trace = None, []
    for step in x.unbind(1):
        _, state = module(step, state)
        trace.append(potential(state).clone())
    for hook in hooks:
        hook.remove()
    trace.insert(0, torch.zeros_like(trace[0]))
    return [torch.stack(layer, 1) for layer in spikes], torch.stack(trace, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--allow-difference", action="store_true")
    options = parser.parse_args()

    trained = snn.load(options.run)
    network = trained.network.double()
    path = options.run / "agreement.nir"
    graph = to_nir(network, DT, portable=True, allow_difference=options.allow_difference)
    save_nir(graph, path)
    trained.data.prepare_data()
    trained.data.setup("fit")
    samples = trained.data.split("test")
    index = torch.arange(min(options.samples, len(samples)))
    for text in differences(network):
        print("difference:", text)
    print(f"{len(index)} test samples, torch {torch.__version__}, nir {_version('nir')}")
    print(
        "| simulator | same class | accuracy | accuracy here | same spikes | samples all the same |"
        " largest difference of the readout |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, load in SIMULATORS.items():
        module, potential = load(path)
        _print_row(name, network, module, potential, samples, index)


def _print_row(name, network, module, potential, samples, index) -> None:
    same = right = right_here = spikes_same = spikes_all = samples_same = 0
    largest = 0.0
    for part in index.split(250):
        events, labels = samples[part]
        x = events.to_dense(torch.float64)
        with torch.no_grad():
            ours = network.trace(x)
        theirs, trace = run(module, potential, x, len(network.hidden))
        here, there = (logits(t, network.logit_rule).argmax(1) for t in (ours.output, trace))
        same += int((here == there).sum())
        right += int((there == labels).sum())
        right_here += int((here == labels).sum())
        equal = torch.cat([a == b for a, b in zip(ours.spikes, theirs, strict=True)], 2)
        # of the places where either spikes, where both do: Jaccard's index
        either = torch.cat([(a + b) > 0 for a, b in zip(ours.spikes, theirs, strict=True)], 2)
        spikes_same += int((equal & either).sum())
        spikes_all += int(either.sum())
        samples_same += int(equal.flatten(1).all(1).sum())
        largest = max(largest, (trace - ours.output).abs().max().item())
    n = len(index)
    print(
        f"| {name} {_version(name)} | {same} of {n} | {right / n:.2%} | {right_here / n:.2%} "
        f"| {spikes_same} of {spikes_all} | {samples_same} of {n} | {largest:.1e} |",
        flush=True,
    )


def _version(package: str) -> str:
    return importlib.metadata.version(package)


if __name__ == "__main__":
    main()
