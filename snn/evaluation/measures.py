"""Numbers of an evaluation, as plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torchmetrics.functional.classification import multiclass_confusion_matrix

from snn.analysis.statistics import wilson
from snn.evaluation.outcomes import Outcomes

BINS = 15  # of confidence, as Guo et al. 2017 (ICML) take them


def share(right: np.ndarray) -> dict[str, Any]:
    """A share of samples with its 95 % interval (Wilson)."""
    n, hits = len(right), int(right.sum())
    low, high = wilson(hits / n, n) if n else (None, None)
    return {
        "value": hits / n if n else None,
        "interval": [low, high],
        "correct": hits,
        "samples": n,
    }


def confusion_matrix(outcomes: Outcomes) -> np.ndarray:
    """Numbers of samples, int64 ``[true class, predicted class]``."""
    return multiclass_confusion_matrix(
        torch.from_numpy(outcomes.predicted),
        torch.from_numpy(outcomes.labels),
        outcomes.probabilities.shape[1],
    ).numpy()


def per_class(outcomes: Outcomes, class_names: Sequence[str]) -> list[dict[str, Any]]:
    """Of each class: precision, recall with its interval, mean spikes and synaptic operations.

    A precision is None where nothing was taken for the class, everything of a class without
    samples.
    """
    matrix = confusion_matrix(outcomes)
    rows = []
    for label, name in enumerate(class_names):
        of_class = outcomes.labels == label
        taken = int(matrix[:, label].sum())
        recall = share(outcomes.right[of_class])
        rows.append(
            {
                "name": name,
                "samples": recall["samples"],
                "precision": int(matrix[label, label]) / taken if taken else None,
                "recall": recall["value"],
                "recall_interval": recall["interval"],
                "input_spikes": _mean(outcomes.input_spikes, of_class),
                "hidden_spikes": [_mean(layer, of_class) for layer in outcomes.hidden_spikes.T],
                "synaptic_operations": _mean(outcomes.operations, of_class),
                "decided_after_steps": _mean(outcomes.decided, of_class),
            }
        )
    return rows


def _mean(values: np.ndarray | None, where: np.ndarray) -> float | None:
    return None if values is None or not where.any() else float(values[where].mean())


def calibration(outcomes: Outcomes) -> dict[str, Any]:
    """Whether the probability of the answer is the share of right answers.

    ``expected_calibration_error`` is the mean distance of the two over bins of equal width,
    weighted by their samples; ``bins`` has, of each that is not empty, its ``samples``, mean
    ``confidence``, and ``accuracy`` with its interval.
    """
    confidence, right = outcomes.probabilities.max(1), outcomes.right
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    bins, error = [], 0.0
    for number in range(BINS):
        inside = place == number
        if inside.any():
            mean, hits = float(confidence[inside].mean()), share(right[inside])
            error += hits["samples"] / len(right) * abs(hits["value"] - mean)
            bins.append(
                {
                    "samples": hits["samples"],
                    "confidence": mean,
                    "accuracy": hits["value"],
                    "interval": hits["interval"],
                }
            )
    return {
        "expected_calibration_error": error,
        "mean_confidence": float(confidence.mean()),
        "bins": bins,
    }


def over_time(outcomes: Outcomes) -> dict[str, Any] | None:
    """Accuracy if observation ended after t steps, and when answers were decided.

    None where nobody knows the readout's trace. ``accuracy_after`` has an entry for 0, 1, 2, ...
    steps; ``decided_after`` has quartiles of the earliest step from which the answer stays.
    """
    if outcomes.answers is None:
        return None
    right = (outcomes.answers == outcomes.labels[:, None]).mean(0)
    return {
        "accuracy_after": right.tolist(),
        "decided_after": np.quantile(outcomes.decided, [0.25, 0.5, 0.75]).tolist(),
        "steps_for_99_percent_of_it": int(np.argmax(right >= 0.99 * right[-1])),
    }
