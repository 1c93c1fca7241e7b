"""The best point and the recommended combination: how each is found, and which to take."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import pandas as pd

from snn.analysis.ablation import paired
from snn.analysis.claims.balance import sample_overlap
from snn.analysis.claims.estimate import counted
from snn.analysis.difference import Difference, of_pairs, of_shares
from snn.analysis.recommend import point_of, recommend
from snn.analysis.records import Run
from snn.analysis.study import Study
from snn.analysis.tables import number_text
from snn.analysis.values import ordered
from snn.errors import RunError
from snn.files import read_json
from snn.places import program


def which_to_take(study: Study) -> list[str]:
    """Sentences on the two ways to choose; none where there is nothing to choose."""
    if len(study.points) < 2 or not study.frame["metric"].notna().any():
        return []
    best, choices = study.points.iloc[0], recommend(study)
    other = point_of(study, choices)
    title = study.metric.title
    if other is not None and other.name == best.name:
        if len(study.keys) < 2:
            return []
        return [
            f"The point with the best {title} is also the one that takes the best value of each "
            "parameter by itself (the recommended combination below)."
        ]
    named = ", ".join(f"{c.axis.short}={c.level}" for c in choices)
    said = (
        f"There are two ways to choose. The best point ({study.describe(best)}) has the best "
        f"{title} of all {len(study.points)} points{_shared(study, best)}. The recommended "
        f"combination ({named}) takes of each parameter the value whose mean over all other "
        "parameters is best, as the thesis did; it leaves out what parameters do together. "
    )
    if other is None or other["metric"] != other["metric"]:
        missing = "was not run" if other is None else f"has no {title}"
        return [f"{said}That combination {missing}: take the best point."]
    return [said + _compared(study, best, other)]


def _shared(study: Study, best: pd.Series) -> str:
    """How many others are as good, so that the loss decided."""
    others = int((study.points["metric"] == best["metric"]).sum()) - 1
    have = "1 other has" if others == 1 else f"{others} others have"
    return f", as {have}; of these it has the lowest loss" if others else ""


def _compared(study: Study, best: pd.Series, other: pd.Series) -> str:
    metric = study.metric
    unit = " %" if metric.is_accuracy else metric.unit.translate(str.maketrans("", "", "()"))
    reached = [number_text(metric.factor * p["value"], 2) + unit for p in (best, other)]
    said = f"They reach {reached[0]} and {reached[1]}. "
    found = point_difference(study, other, best)
    if found is None:
        return said + "Whether they differ beyond chance cannot be told. Take the best point."
    said += f"The difference is {difference_text(study, found)}. "
    if found.beyond_chance:
        return said + (
            "That is more than chance would give two points at random; the best of "
            f"{len(study.points)} was picked by these very runs, though, which favours it. Take "
            "the best point, and believe the lead when other seeds show it."
        )
    return said + (
        "That is not more than chance would give. Take the best point, whose test accuracy is "
        "reported; the other may do as well, and more seeds of both would tell."
        if study.tested
        else "That is not more than chance would give. Take the best point; the other may do as "
        "well, and more seeds of both would tell."
    )


def difference_text(study: Study, found: Difference) -> str:
    """``3.37 points (95 % interval -1.20 to 7.91; how)``."""
    factor, digits = study.metric.factor, 2 if study.metric.is_accuracy else 4
    value, low, high = (f"{factor * v:.{digits}f}" for v in (found.value, found.low, found.high))
    points = " points" if study.metric.is_accuracy else ""
    return f"{value}{points} (95 % interval {low} to {high}; {found.how})"


def point_difference(study: Study, first: pd.Series, second: pd.Series) -> Difference | None:
    """The second point less the first; None where neither seeds nor samples tell of chance."""
    split = study.metric.split or ""
    n = study.samples(split)
    is_counted = study.metric.is_accuracy and n is not None
    found = of_pairs(
        paired(_runs_of(study, first), _runs_of(study, second)),
        sample_overlap(study, [split]) if split != "train" else 0.0,
        2 * counted(n) if is_counted else 0.0,  # of two accuracies
        study.axes.repeated.replace("seeds", "seed").replace("splits", "split"),
    )
    if found is not None:
        return found
    if not is_counted:
        return None
    return of_shares(float(first["value"]), float(second["value"]), n)


def _runs_of(study: Study, point: pd.Series) -> pd.DataFrame:
    frame = study.frame
    for key in study.keys:
        frame = frame[frame[key] == point[key]]
    return frame


def best_command(study: Study) -> str | None:
    """The command that trains the best point anew, as its run recorded it, for all its seeds."""
    best = study.points.iloc[0]
    if best["metric"] != best["metric"]:
        return None
    runs = [study.runs[i] for i in _runs_of(study, best).index]
    words = _recorded(runs[0])
    if words is None:
        return None
    for key, column in study.axes.repeats.items():
        values = ordered(column[i] for i in _runs_of(study, best).index)
        words = [word for word in words if word.partition("=")[0] != key]
        words.append(f"{key}={','.join(values)}")
    several = len(runs) > 1
    if any(word.startswith("sweep=") for word in words) and not several:
        words.append("hydra.mode=RUN")  # the sweep's file would ask for its whole grid
    command = [*shlex.split(program("train")), *(["-m"] if several else []), *words]
    return " ".join(map(shlex.quote, command))


def _recorded(run: Run) -> Sequence[str] | None:
    try:
        overrides = read_json(run.path / "result.json").get("overrides")
    except (RunError, AttributeError):
        return None
    return [str(word) for word in overrides] if isinstance(overrides, list) else None
