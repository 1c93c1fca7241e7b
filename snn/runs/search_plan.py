"""``search.json``: what searches in a sweep's directory draw their points from, and what they seek.

Plain JSON, so that whoever reads the runs need not have what drew them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snn.errors import RunError
from snn.files import read_json, write_json

SEARCH_VERSION = 1
SEARCH = "search.json"


@dataclass(frozen=True)
class Dimension:
    """One key that is searched.

    Attributes:
        low, high: ends of an interval; None of a choice.
        whole: whether its numbers are integers.
        log: whether they are drawn on a logarithmic scale.
        step: from one number to the next; None: any number.
        choices: of a choice, as the command line said them.
    """

    low: float | None = None
    high: float | None = None
    whole: bool = False
    log: bool = False
    step: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def is_drawn(self) -> bool:
        """Whether its values are drawn from an interval rather than from a list."""
        return self.low is not None


@dataclass(frozen=True)
class SearchPlan:
    """One search.

    Attributes:
        name: of the study.
        space: ``{key: dimension}``.
        objectives: names of what is sought.
        n_trials: how many it shall have.
        search: overrides that made it a search (``search=optuna``, its sampler ...).
        fixed: all other overrides that its points share.
        about: sampler, pruner, seed, storage, in words.
    """

    name: str
    space: Mapping[str, Dimension]
    objectives: tuple[str, ...]
    n_trials: int
    search: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


def write_search(directory: Path, plan: SearchPlan) -> None:
    """Add a search to those of a directory, as the latest.

    Raises:
        RunError: it cannot be written.
    """
    studies = {p.name: _as_json(p) for p in searches(directory) if p.name != plan.name}
    studies[plan.name] = _as_json(plan)
    write_json(directory / SEARCH, {"schema_version": SEARCH_VERSION, "studies": studies})


def _as_json(plan: SearchPlan) -> dict[str, Any]:
    return {
        "objectives": plan.objectives,
        "n_trials": plan.n_trials,
        "space": {
            key: {name: getattr(d, name) for name in Dimension.__dataclass_fields__}
            for key, d in plan.space.items()
        },
        "search": plan.search,
        "fixed": plan.fixed,
        "about": plan.about,
    }


def searches(directory: Path) -> list[SearchPlan]:
    """The searches of a directory, the latest last; none if nothing can be read there."""
    try:
        record = read_json(directory / SEARCH)
        if record.get("schema_version", 0) > SEARCH_VERSION:
            return []
        return [_plan(name, entry) for name, entry in record["studies"].items()]
    except (RunError, KeyError, TypeError, AttributeError):
        return []


def _plan(name: str, entry: Mapping[str, Any]) -> SearchPlan:
    space = {
        key: Dimension(**{**d, "choices": tuple(d["choices"])}) for key, d in entry["space"].items()
    }
    return SearchPlan(
        name,
        space,
        tuple(entry["objectives"]),
        int(entry["n_trials"]),
        tuple(entry["search"]),
        tuple(entry["fixed"]),
        entry["about"],
    )
