"""The number by which runs are ranked."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from snn.analysis.records import Run
from snn.errors import RunError

# Validation chooses; without it, training accuracy, as the thesis did. Never test.
PREFERRED = (
    "metrics.best.val.accuracy",
    "metrics.final.val.accuracy",
    "metrics.final.train.accuracy",
)
SPLITS = {
    "train": "training",
    "val": "validation",
    "test": "test",
    "test_unheard": "test (unheard speakers)",
}
LOWER_IS_BETTER = (
    *("loss", "nll", "regularizer", "seconds", "silent_share"),
    *("spikes_per_sample", "synops_per_sample", "joules", "joules_per_sample"),
)


@dataclass(frozen=True)
class Metric:
    """A key of ``result.json`` to rank by."""

    key: str

    @property
    def parts(self) -> list[str]:
        return self.key.split(".")

    @property
    def weights(self) -> str | None:
        """``best``, ``final``, or None for a number that is not of certain weights."""
        return self.parts[1] if self.key.startswith("metrics.") else None

    @property
    def split(self) -> str | None:
        return self.parts[2] if self.key.startswith("metrics.") else None

    @property
    def is_accuracy(self) -> bool:
        return self.key.endswith(".accuracy")

    @property
    def higher_is_better(self) -> bool:
        return not self.key.endswith(LOWER_IS_BETTER)

    @property
    def tie_breaker(self) -> str | None:
        """Of equal accuracies the one with the lower loss on the same samples is better."""
        return f"{self.key.removesuffix('.accuracy')}.loss" if self.is_accuracy else None

    @property
    def title(self) -> str:
        """In words, e.g. ``validation accuracy``."""
        if self.split is None:
            return self.key.replace("_", " ")
        name = ".".join(self.parts[3:]).replace("_", " ")
        return f"{SPLITS.get(self.split, self.split)} {name}"

    @property
    def unit(self) -> str:
        """Unit of the shown number, with a space before it; empty if it has none."""
        if self.is_accuracy:
            return " (%)"
        if self.key.endswith(("joules", "joules_per_sample")):
            return " (J)"
        return " (s)" if self.key.endswith("seconds") else ""

    @property
    def factor(self) -> float:
        """What to multiply by for showing: accuracies are shown in per cent."""
        return 100.0 if self.is_accuracy else 1.0


def choose_metric(asked: str | None, runs: Sequence[Run]) -> Metric:
    """The metric that was asked for, or the first preferred one that half of the runs have.

    Args:
        asked: a key of ``result.json``, or its end: ``val``, ``test.accuracy``,
            ``final.val.loss``, ``fit_seconds``.
        runs: completed runs.

    Raises:
        RunError: no run has such a number.
    """
    having: dict[str, int] = {}
    for run in runs:
        for key, value in run.result.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                having[key] = having.get(key, 0) + 1
    if asked is not None:
        return Metric(_expanded(asked, having))
    for key in PREFERRED:
        if 2 * having.get(key, 0) >= len(runs):
            return Metric(key)
    return Metric(PREFERRED[-1])


def _expanded(asked: str, known: Collection[str]) -> str:
    prefixes = ("", "metrics.", "metrics.best.", "metrics.final.")
    tries = [f"{prefix}{asked}{end}" for prefix in prefixes for end in ("", ".accuracy")]
    found = next((key for key in tries if key in known), None)
    if found is None:
        some = sorted(key.removeprefix("metrics.") for key in known if "hidden" not in key)
        some = [key for key in some if key.startswith(("best", "final")) or "seconds" in key]
        # as in metrics.csv and TensorBoard, which know no final and best weights
        words = asked.replace("/", ".").removeprefix("metrics.")
        near = difflib.get_close_matches(words, some, n=2) or [k for k in some if words in k][:2]
        meant = f"did you mean {' or '.join(near)}? " if near else ""
        raise RunError(
            f"--metric {asked}: no run has it; {meant}known: {', '.join(some) or 'none'}"
        )
    return found
