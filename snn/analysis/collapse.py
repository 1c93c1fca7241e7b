"""Runs that learned nothing, and the parameter values they have in common."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from snn.analysis.study import Study

# Collapsed: less than this part of the way from guessing to no error, on training data.
MARGIN = 0.05


@dataclass(frozen=True)
class Cause:
    """One value of one axis: ``collapsed`` of its ``runs`` did, and so many of all others."""

    key: str
    level: str
    collapsed: int
    runs: int
    other_collapsed: int
    other_runs: int

    @property
    def excess(self) -> float:
        """Share of collapsed runs at this value less the share elsewhere."""
        elsewhere = self.other_collapsed / self.other_runs if self.other_runs else 0.0
        return self.collapsed / self.runs - elsewhere


@dataclass(frozen=True)
class Collapse:
    """Which runs collapsed (``mask`` over the study's runs), by which limit, and where.

    Attributes:
        mask: per run of the study.
        not_finite: those among them whose training loss is not finite.
        limit: training accuracy of the final weights at or below which a run has collapsed.
        causes: every value of every axis of few values, the most telling first.
    """

    mask: pd.Series
    not_finite: pd.Series
    limit: float
    causes: tuple[Cause, ...]


def find_collapsed(study: Study) -> Collapse | None:
    """Collapsed runs of a study; None if the number of classes is unknown."""
    if study.chance is None:
        return None
    limit = study.chance + MARGIN * (1 - study.chance)
    results = [run.result for run in study.runs]
    accuracy = pd.Series([r.get("metrics.final.train.accuracy") for r in results], dtype=float)
    # A loss that was recorded as null was not a number when the run ended.
    key = "metrics.final.train.loss"
    lost = pd.Series([key in r and r[key] is None for r in results], dtype=bool)
    mask = (accuracy <= limit) | lost
    causes = []
    for axis in study.axes.axes:
        if axis.is_search:
            continue  # each value was run once: see explanation
        for code, level in enumerate(axis.shown):
            here = study.frame[axis.key] == code
            causes.append(
                Cause(
                    axis.key,
                    level,
                    int((mask & here).sum()),
                    int(here.sum()),
                    int((mask & ~here).sum()),
                    int((~here).sum()),
                )
            )
    causes.sort(key=lambda c: -c.excess)
    return Collapse(mask, lost, float(limit), tuple(causes))


def explanation(study: Study, collapse: Collapse) -> str:
    """One or two sentences for the reader."""
    count, total = int(collapse.mask.sum()), len(collapse.mask)
    limit = f"{100 * collapse.limit:.1f} %"
    if not count:
        above = "it is" if total == 1 else f"all {total} are"
        return f"No run collapsed: {above} above {limit} on training data (final weights)."
    of = "The only run" if total == 1 else f"{count} of {total} runs"
    text = f"{of} collapsed (final training accuracy of at most {limit}"
    lost = int(collapse.not_finite.sum())
    text += f", or a loss that is not finite: {lost})." if lost else ")."
    text += _ranges(study, collapse)
    if not collapse.causes:
        return text
    telling = [c for c in collapse.causes if c.excess >= 0.25 and c.collapsed][:3]
    if not telling:
        return text + " No single parameter value explains them."
    named = [
        f"{study.axis(c.key).short}={c.level}: {c.collapsed} of {c.runs} "
        f"({c.other_collapsed} of {c.other_runs} elsewhere)"
        for c in telling
    ]
    return text + " They gather at " + "; ".join(named) + "."


def _ranges(study: Study, collapse: Collapse) -> str:
    """Of numbers that were drawn: where collapsed runs lie, if others lie elsewhere."""
    said = []
    for axis in study.axes.axes:
        if not axis.is_search or axis.numbers is None:
            continue
        fallen = study.frame.loc[collapse.mask, axis.key]
        rest = study.frame.loc[~collapse.mask, axis.key]
        if rest.empty:
            continue
        low, high = axis.shown[int(fallen.min())], axis.shown[int(fallen.max())]
        if len(fallen) > 1 and fallen.min() > rest.median():
            said.append(f"{axis.short} of {low} and more")
        elif len(fallen) > 1 and fallen.max() < rest.median():
            said.append(f"{axis.short} of at most {high}")
    return f" All of them have {' and '.join(said)}." if said else ""
