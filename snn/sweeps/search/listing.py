"""What a search prints: its space before it starts, what it found when it is over."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from snn.places import program
from snn.runs.search_plan import Dimension, SearchPlan
from snn.sweeps.search.objectives import OBJECTIVES
from snn.sweeps.search.storage import FILES
from snn.sweeps.search.trials import ERROR, RUN, Trials

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

MOST_LISTED = 5  # trials of a Pareto front


def print_plan(console: Console, plan: SearchPlan, directory: Path) -> None:
    """What would be searched, and where."""
    table = Table("key", "values", title=f"{directory}: study {plan.name}", title_justify="left")
    for key, dimension in plan.space.items():
        table.add_row(escape(key), escape(described(dimension)))
    console.print(table)
    sought = ", ".join(OBJECTIVES[name].title for name in plan.objectives)
    console.print(f"{plan.n_trials} trials, seeking {sought}", highlight=False)


def described(dimension: Dimension) -> str:
    """``50 to 400, whole, log`` or ``adam, sgd``."""
    if not dimension.is_drawn:
        return ", ".join(dimension.choices)
    words = [f"{dimension.low:g} to {dimension.high:g}"]
    words += ["whole"] * dimension.whole + ["log"] * dimension.log
    words += [f"in steps of {dimension.step:g}"] if dimension.step else []
    return ", ".join(words)


def print_end(console: Console, plan: SearchPlan, trials: Trials, directory: Path) -> None:
    """What failed, the best trials, how many there are, and what to do next."""
    found = trials.all()
    failed = [t for t in found if t.state.name not in ("COMPLETE", "PRUNED")]
    if failed:
        table = Table("trial", "directory", "reason", title="Not completed", title_justify="left")
        for trial in failed:
            named = trial.user_attrs.get(RUN, "-"), trial.user_attrs.get(ERROR, trial.state.name)
            table.add_row(str(trial.number), *map(escape, named))
        console.print(table)

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, markup=False, highlight=False)

    best = best_trials(trials)
    if len(plan.objectives) == 1 and best:
        say(f"Best: {_reached(plan, best[0])}{_as_good(plan, best[0], found)}")
    elif best:
        say(f"{len(best)} trials that no other is better than in everything:")
        for trial in best[:MOST_LISTED]:
            say(f"  {_reached(plan, trial)}")
        if len(best) > MOST_LISTED:
            say(f"  and {len(best) - MOST_LISTED} more")
    counts = Counter(t.state.name.lower() for t in found)
    listed = ", ".join(f"{count} {state}" for state, count in counts.items())
    say(f"{directory}: {len(found)} trials: {listed}")
    say(f"Summarise: {program('summary')} {shlex.quote(str(directory))}")
    file = directory / FILES[plan.about["storage"]]
    address = f"sqlite:///{file}" if plan.about["storage"] == "sqlite" else str(file)
    say(f"Look on: optuna-dashboard {shlex.quote(address)}")


def best_trials(trials: Trials) -> list[FrozenTrial]:
    """The best trial that keeps all limits, or those of the Pareto front; none if there is none."""
    if len(trials.objectives) > 1:
        return trials.study.best_trials
    try:
        return [trials.study.best_trial]
    except ValueError:
        return []


def _as_good(plan: SearchPlan, best: FrozenTrial, found: Sequence[FrozenTrial]) -> str:
    """That other runs reach the same: Optuna names the first, the summary orders them by loss."""
    if plan.about.get("limits"):
        return ""  # which the others may not keep
    done = (t for t in found if t.state.name == "COMPLETE" and t.values == best.values)
    equal = len({t.user_attrs.get(RUN) for t in done} - {best.user_attrs.get(RUN)})
    runs = "1 other run" if equal == 1 else f"{equal} other runs"
    return f"; {runs} reached the same (the summary orders them)" if equal else ""


def _reached(plan: SearchPlan, trial: FrozenTrial) -> str:
    values = zip(plan.objectives, trial.values, strict=True)
    reached = ", ".join(f"{name} {value:.6g}" for name, value in values)
    return f"{reached} by trial {trial.number}, {trial.user_attrs.get(RUN, '-')}"
