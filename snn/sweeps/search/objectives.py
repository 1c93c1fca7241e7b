"""What a search seeks: numbers of a run's record, and limits to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from snn.errors import SnnError

# Of the weights that did best on the validation part, as the summary ranks them. Never test.
PART = "metrics.best.val."


@dataclass(frozen=True)
class Objective:
    """A number to be as large or as small as can be.

    Attributes:
        title: what it is, with its unit.
        key: where it stands in ``result.json``, or ends of keys that are added up.
        more: whether larger is better.
        monitor: the same after an epoch, if it can be told then.
    """

    title: str
    key: str
    more: bool = False
    monitor: str | None = None

    @property
    def direction(self) -> str:
        return "maximize" if self.more else "minimize"

    def of(self, result: Mapping[str, Any]) -> float | None:
        """Its value in a run's record; None if it is not there, or no finite number."""
        if self.key.startswith("*"):
            end = self.key[1:]
            found = [v for k, v in result.items() if k.startswith(PART) and k.endswith(end)]
        else:
            found = [result.get(self.key)]
        if not found or not all(isinstance(v, int | float) and isfinite(v) for v in found):
            return None
        return float(sum(found))


OBJECTIVES = {
    "accuracy": Objective("validation accuracy", f"{PART}accuracy", True, "val/accuracy"),
    "loss": Objective("validation loss", f"{PART}loss", False, "val/loss"),
    "spikes": Objective("hidden spikes per sample", "*/spikes_per_sample"),
    "synops": Objective("synaptic operations per sample", f"{PART}synops_per_sample"),
    "seconds": Objective("training time (s)", "fit_seconds"),
    "parameters": Objective("trainable parameters", "nb_parameters"),
}


def chosen(names: Sequence[str]) -> dict[str, Objective]:
    """The objectives of these names, in their order.

    Raises:
        SnnError: there is no such objective, none, or one twice.
    """
    known = ", ".join(OBJECTIVES)
    for name in names:
        if name not in OBJECTIVES:
            raise SnnError(f"search.objectives: {name!r} is none; there are {known}")
    if not names or len(set(names)) < len(names):
        raise SnnError(f"search.objectives={list(names)}: must be one or several of {known}")
    return {name: OBJECTIVES[name] for name in names}


def measured(result: Mapping[str, Any]) -> dict[str, float]:
    """All objectives that a run's record has values of."""
    values = {name: objective.of(result) for name, objective in OBJECTIVES.items()}
    if result.get("together", 1) > 1:  # of a grid's point: the time of several
        del values["seconds"]
    return {name: value for name, value in values.items() if value is not None}


def excess(values: Mapping[str, float], limits: Mapping[str, float]) -> dict[str, float]:
    """How far each value lies beyond its limit; zero or less where it keeps it."""
    return {
        name: limit - values[name] if OBJECTIVES[name].more else values[name] - limit
        for name, limit in limits.items()
    }


def check_limits(limits: Mapping[str, float | None]) -> dict[str, float]:
    """The limits that are set.

    Raises:
        SnnError: one is of something else.
    """
    for name in limits:
        if name not in OBJECTIVES:
            raise SnnError(f"search.limits.{name}: no such; there are {', '.join(OBJECTIVES)}")
    return {name: float(limit) for name, limit in limits.items() if limit is not None}


def check_validated(config: Mapping[str, Any], wanted: Sequence[str]) -> None:
    """Refuse to search without data to choose by.

    Args:
        config: of a point.
        wanted: names of objectives and limits.

    Raises:
        SnnError: there is no validation part, and something that is measured on it is wanted.
    """
    data = config["data"]
    none = data.get("val_fraction") == 0 and not data.get("val_speakers")
    of_part = [n for n in wanted if OBJECTIVES[n].key.startswith((PART, "*"))]
    if none and of_part:
        raise SnnError(
            f"search: {of_part[0]} is measured on a validation part, and data.val_fraction=0 "
            "leaves none; give data.val_fraction=0.1"
        )
    best = (config.get("callbacks") or {}).get("best")
    if of_part and not best:
        raise SnnError(
            f"search: {of_part[0]} is that of the best weights, which callbacks.best keeps; do "
            "not leave it out"
        )
