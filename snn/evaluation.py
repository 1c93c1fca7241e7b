"""Metrics of a trained network on every split: of its final weights and of its best ones."""

from __future__ import annotations

from snn.build import Parts
from snn.network import SpikingNetwork
from snn.runs import RunDirectory
from snn.synops import input_spikes, synaptic_operations

Metrics = dict[str, float]


def measure(parts: Parts) -> Metrics:
    """``{"<split>/<metric>": value}`` of the weights that the network has now."""
    parts.trainer.test(parts.module, datamodule=parts.datamodule, verbose=False)
    metrics, network = dict(parts.module.results), parts.module.network
    if type(network) is SpikingNetwork:  # of another model, nobody knows the synapses
        for split in parts.datamodule.test_splits:
            arriving = input_spikes(network, parts.datamodule, split)
            layers = range(len(network.hidden))
            hidden = [metrics[f"{split}/hidden{i}/spikes_per_sample"] for i in layers]
            operations = synaptic_operations(network, arriving, hidden)
            metrics[f"{split}/synops_per_sample"] = operations
    return metrics


def evaluate(parts: Parts, run: RunDirectory) -> tuple[Metrics, Metrics | None, int | None]:
    """Metrics of the final weights, and of those that did best on the validation part.

    Returns:
        Final metrics; best metrics and their epoch counted from 1, or None and None if no
        validation part chose any.
    """
    final_epoch = parts.trainer.current_epoch
    final = measure(parts)
    if parts.datamodule.val is None or not run.best.exists():
        return final, None, None
    weights, epoch = run.load_weights(run.best)
    if epoch + 1 == final_epoch:
        return final, final, final_epoch
    parts.module.load_state_dict(weights)
    return final, measure(parts), epoch + 1
