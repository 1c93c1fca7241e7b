"""What the plan of a search tells of its runs: the space, what was sought, the limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from snn.analysis.records import Run
from snn.runs.search_plan import Dimension, SearchPlan

# Objectives by which points can be ranked, and limits, as ends of keys of ``result.json``.
RANKED = {"accuracy": "best.val.accuracy", "loss": "best.val.loss"}
LIMITED = {
    "accuracy": "metrics.best.val.accuracy",
    "loss": "metrics.best.val.loss",
    "synops": "metrics.best.val.synops_per_sample",
    "seconds": "fit_seconds",
    "parameters": "nb_parameters",
}
TITLES = {
    "accuracy": "validation accuracy",
    "loss": "validation loss",
    "spikes": "hidden spikes per sample",
    "synops": "synaptic operations per sample",
    "seconds": "training time (s)",
    "parameters": "parameters",
}


def drawn_by(plan: SearchPlan | None) -> list[str]:
    """A sentence on how the points were drawn."""
    if plan is None:
        return []
    node = plan.about.get("sampler") or {}
    name = str(node.get("_target_", "a sampler")).rsplit(".", 1)[-1].removesuffix("Sampler")
    sought = ", ".join(TITLES.get(name, name) for name in plan.objectives)
    return [f"Points were drawn by {name} (seed {plan.about.get('seed')}), seeking {sought}."]


def space_of(plans: Sequence[SearchPlan]) -> dict[str, Dimension]:
    """All dimensions; one that several searches have is drawn if it is in any of them."""
    space: dict[str, Dimension] = {}
    for plan in plans:
        for key, dimension in plan.space.items():
            if dimension.is_drawn or key not in space:
                space[key] = dimension
    return space


def metric_of(plan: SearchPlan | None, runs: Sequence[Run]) -> str | None:
    """What a search's first objective is called among metrics; None for the usual one."""
    metric = RANKED.get(plan.objectives[0]) if plan is not None and plan.objectives else None
    key = f"metrics.{metric}"
    known = sum(isinstance(run.result.get(key), int | float) for run in runs)
    return metric if metric and known else None


def beyond_limits(plan: SearchPlan, runs: Sequence[Run]) -> tuple[list[bool], list[str]]:
    """Which runs lie beyond a limit of the search, and a sentence about them."""
    limits: Mapping[str, float] = plan.about.get("limits") or {}
    beyond = [any(_is_beyond(run, name, limit) for name, limit in limits.items()) for run in runs]
    if not limits:
        return beyond, []
    named = ", ".join(
        f"{TITLES[name]} at {'least' if name == 'accuracy' else 'most'} {limit:g}"
        for name, limit in limits.items()
        if name in TITLES
    )
    return beyond, [
        f"The search has limits ({named}): {sum(beyond)} of {len(runs)} runs lie beyond; they are "
        "listed, not ranked."
    ]


def _is_beyond(run: Run, name: str, limit: float) -> bool:
    if name == "spikes":
        start, end = "metrics.best.val.", "/spikes_per_sample"
        values = [v for k, v in run.result.items() if k.startswith(start) and k.endswith(end)]
        value = sum(v for v in values if v is not None) if values else None
    else:
        value = run.result.get(LIMITED.get(name, ""))
    if not isinstance(value, int | float):
        return False
    return value < limit if name == "accuracy" else value > limit
