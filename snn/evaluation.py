"""Metrics of a trained network on every split: of its final weights and of its best ones."""

from __future__ import annotations

from snn.build import Parts
from snn.runs import RunDirectory

Metrics = dict[str, float]


def measure(parts: Parts) -> Metrics:
    """``{"<split>/<metric>": value}`` of the weights that the network has now."""
    parts.trainer.test(parts.module, datamodule=parts.datamodule, verbose=False)
    return dict(parts.module.results)


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
