"""One evaluation from a run's directory to its files.

``evaluation.json`` holds:

==========================  =======================================================================
``schema_version``          1
``run``, ``checkpoint``     what was measured
``epoch``                   after which the weights were saved, counted from 1
``config_hash``             of the run
``data``                    ``split``, ``overrides`` of the run's data, ``nb_steps``, ``time_step``
``seed``                    of the disturbances
``accuracy``                ``value``, 95 % ``interval`` (Wilson), ``correct``, ``samples``
``agrees_with_result``      whether ``result.json`` has the same accuracy, to the sample; null where
                            it has none of these weights and data
``classes``                 a list: :func:`snn.evaluation.measures.per_class`
``confusion``               ``[true class][predicted class]``, numbers of samples
``calibration``             :func:`snn.evaluation.measures.calibration`
``synaptic_operations``     per sample
``over_time``               :func:`snn.evaluation.measures.over_time`
``robustness``              :func:`snn.evaluation.robustness.robustness`
==========================  =======================================================================

What is not known of a network that is not a :class:`snn.network.SpikingNetwork` is null.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from snn import plots
from snn.config.identity import config_hash
from snn.data.samples import Split
from snn.errors import DataError, RunError
from snn.evaluation import figures, measures
from snn.evaluation.outcomes import Outcomes, observe
from snn.evaluation.report import write_report
from snn.evaluation.robustness import robustness
from snn.evaluation.samples import chosen_samples
from snn.files import write_json
from snn.network import SpikingNetwork
from snn.runs.loading import TrainedNetwork

VERSION = 1
FOLDER = "evaluation"
SHOWN = 4  # samples that are drawn


def evaluate(
    trained: TrainedNetwork,
    overrides: Sequence[str] = (),
    split: str = "test",
    seed: int = 0,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Measure a trained network and write the files of its evaluation.

    Args:
        trained: as :func:`snn.load` gives it.
        overrides: ``data.<key>=<value>``: where the data lie, or other ones.
        split: the part of the data.
        seed: of the disturbances of the input.
        folder: for the files; None: ``evaluation`` in the run's directory.

    Returns:
        What stands in ``evaluation.json``.

    Raises:
        SnnError: the data are missing or do not fit, or the folder cannot be written to.
    """
    datamodule, samples = chosen_samples(trained, overrides, split)
    if not len(samples):
        raise DataError(f"the {split} part has no samples")
    folder = trained.path / FOLDER if folder is None else Path(folder)
    known = type(trained.network) is SpikingNetwork
    outcomes = observe(trained.network, samples)
    accuracy = measures.share(outcomes.right)
    found = {
        "schema_version": VERSION,
        "run": str(trained.path),
        "checkpoint": str(trained.checkpoint),
        "epoch": trained.epoch,
        "config_hash": config_hash(trained.config),
        "data": {
            "split": split,
            "overrides": list(overrides),
            "nb_steps": datamodule.nb_steps,
            "time_step": datamodule.time_step,
        },
        "seed": seed,
        "accuracy": accuracy,
        "agrees_with_result": _agrees(trained, overrides, split, accuracy),
        "classes": measures.per_class(outcomes, trained.class_names),
        "confusion": measures.confusion_matrix(outcomes).tolist(),
        "calibration": measures.calibration(outcomes),
        "synaptic_operations": float(outcomes.operations.mean()) if known else None,
        "over_time": measures.over_time(outcomes),
        "robustness": robustness(trained.network, samples, seed) if known else None,
    }
    drawn = dict(_draw(trained, samples, outcomes, found))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_report(folder, found, drawn)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written to ({error})") from None
    write_json(folder / "evaluation.json", found)
    return found


PLACES = frozenset({"root", "cache", "download", "batch_size"})
"""Keys of ``data`` that leave its samples what they are."""


def _agrees(
    trained: TrainedNetwork, overrides: Sequence[str], split: str, accuracy: dict[str, Any]
) -> bool | None:
    keys = {override.partition("=")[0].removeprefix("data.") for override in overrides}
    result = trained.result
    if result is None or keys - PLACES:
        return None
    which = {result.get("epochs"): "final", result.get("best_epoch"): "best"}
    said = result.get(f"metrics.{which.get(trained.epoch)}.{split}.accuracy")
    if said is None:
        return None
    return round(said * accuracy["samples"]) == accuracy["correct"]


def _draw(
    trained: TrainedNetwork, samples: Split, outcomes: Outcomes, found: dict[str, Any]
) -> Iterator[tuple[str, tuple[str, Any]]]:
    """``(name, (what it shows, figure))`` of all that can be drawn of this network."""
    names, time_step = trained.class_names, trained.data.time_step
    chance = 1 / len(names)
    yield "confusion", ("Confusion matrix.", plots.confusion(found["confusion"], names))
    text = "Means over the samples of each class."
    yield "activity", (text, figures.activity(found["classes"]))
    text = (
        "Share of right answers among those of about the same probability, with 95 % intervals. "
        "On the dashed line probabilities mean what they say."
    )
    yield "reliability", (text, figures.reliability(found["calibration"]))
    network = trained.network
    if found["over_time"] is not None:
        text = "Accuracy if observation ended earlier, and the earliest time from which the answer "
        drawn = figures.over_time(found["over_time"], outcomes.decided, chance, time_step)
        yield "over_time", (text + "stays what it is. The dotted line is chance.", drawn)
    if found["robustness"] is not None:
        text = "Accuracy where spikes of the input are lost or moved. The dotted line is chance."
        yield "robustness", (text, figures.robustness(found["robustness"], chance, time_step))
        yield "time_constants", ("Time constants.", plots.time_constants(network, time_step))
    yield "weights", ("Weights.", plots.weights(network))
    if not isinstance(network, SpikingNetwork):
        return
    place = torch.linspace(0, len(samples) - 1, SHOWN).long().unique()
    x, labels = samples[place]
    trace = trained.trace(x)
    titles = [names[label] for label in labels.tolist()]
    text = "Spikes of a few samples, evenly spaced over this part of the data."
    yield "raster", (text, plots.raster(trace, titles, time_step))
    text = "Readout of the same samples; the dotted line is the moment of decision."
    rule = network.logit_rule
    drawn = plots.readout(trace, names, labels.tolist(), rule, time_step=time_step)
    yield "readout", (text, drawn)
    text = "The four neurons of the first hidden layer that spike most in the first of them."
    threshold = network.hidden[0].threshold
    yield "potentials", (text, plots.potentials(trace, threshold=threshold, time_step=time_step))
