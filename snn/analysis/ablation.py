"""Points against one of them: what each change costs or gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from snn.analysis.axes import REPEATS
from snn.analysis.study import Study
from snn.analysis.tables import Table, brief, number_text, percent
from snn.analysis.values import ABSENT
from snn.config.identity import NOT_TASK
from snn.errors import RunError

NOTHING = "nothing"


@dataclass(frozen=True)
class Ablation:
    """A point, and others to hold against it.

    Attributes:
        base: position of that point in ``study.points``.
        variants: positions of the others, in the order of their first runs.
    """

    base: int
    variants: tuple[int, ...]


def find_ablation(study: Study, base: str | None = None) -> Ablation | None:
    """All points against that of a named run, or against the one that they are changes of.

    Without a name the point is looked for that all others differ from in one thing: a set of axes
    that two points change both or not at all. A grid has none: its points change the same axes in
    ever new combinations. Nor has a sweep over one thing alone, where each point would do.

    Args:
        study: whose points.
        base: the name of a run; of another study's, nothing is held against it here.
    """
    if not study.keys:
        return None
    codes = _codes(study, study.points)
    if base is not None:
        named = [i for i, run in enumerate(study.runs) if run.name == base]
        return (
            _against(study, codes, codes.index(_codes(study, study.frame)[named[0]]))
            if named
            else None
        )
    for point in range(len(codes)):
        if _is_base(codes, point):
            return _against(study, codes, point)
    return None


def _is_base(codes: Sequence[tuple[int, ...]], point: int) -> bool:
    """Whether all others differ from a point in one thing, and not all in the same."""
    thing_of: dict[int, frozenset[int]] = {}  # by axis
    for code in codes:
        changed = [i for i, (a, b) in enumerate(zip(codes[point], code, strict=True)) if a != b]
        thing = frozenset(changed)
        if any(thing_of.setdefault(axis, thing) != thing for axis in thing):
            return False
    return len(set(thing_of.values())) > 1


def named_run(found: Sequence[Study], directory: Path, base: str) -> str:
    """The name of the completed run that is meant: by its path, its name, or the end of its name.

    Raises:
        RunError: there is none, or more than one.
    """
    runs = [run for study in found for run in study.runs]
    place = Path(base).resolve()
    for meant in (
        [run for run in runs if run.path.resolve() == place],
        [run for run in runs if run.name == base.rstrip("/")],
        [run for run in runs if base and run.name.endswith(base.rstrip("/"))],
    ):
        if len(meant) == 1:
            return meant[0].name
        if meant:
            some = ", ".join(run.name for run in meant[:3])
            raise RunError(f"--base {base}: {len(meant)} completed runs end so ({some}); name one")
    raise RunError(
        f"--base {base}: no completed run in {directory} has this path or name (of several records "
        "of one task only the latest counts)"
    )


def _against(study: Study, codes: Sequence[tuple[int, ...]], base: int) -> Ablation:
    first = {code: i for i, code in reversed(list(enumerate(_codes(study, study.frame))))}
    others = (i for i in range(len(codes)) if i != base)
    return Ablation(base, tuple(sorted(others, key=lambda i: first[codes[i]])))


def _codes(study: Study, frame: pd.DataFrame) -> list[tuple[int, ...]]:
    """The levels in each row, of runs or of points."""
    return [tuple(row) for row in frame[study.keys].itertuples(index=False)]


def _changes(study: Study, base: pd.DataFrame, variant: pd.DataFrame) -> str:
    """The overrides of the variant's command that the base's lacks, and the other way round.

    Those are left out that give a key the value that it has without them.
    """
    usual, own = (study.runs[frame.index[0]] for frame in (base, variant))

    def matters(key: str) -> bool:
        if key in (*REPEATS, *NOT_TASK) or usual.overrides.get(key) == own.overrides.get(key):
            return False
        values = [run.config.get(key, ABSENT) for run in (usual, own)]
        return values[0] == ABSENT == values[1] or values[0] != values[1]  # absent: a group's name

    changed = [f"{key}={text}" for key, text in own.overrides.items() if matters(key)]
    for key, text in usual.overrides.items():
        if key not in own.overrides and matters(key):
            changed.append(f"without {key}={text}")
    if changed:
        return " ".join(changed)
    # Not by the command line, but by a file of the configuration.
    shown = [study.levels(frame.iloc[0]) for frame in (base, variant)]
    levels = zip(study.keys, *shown, strict=True)
    return ", ".join(f"{key}={level}" for key, before, level in levels if level != before)


def paired(base: pd.DataFrame, variant: pd.DataFrame) -> Sequence[float]:
    """Differences in the metric between runs of the same seed, split or speaker."""
    usual, own = (
        runs.dropna(subset="value").drop_duplicates("repeat").set_index("repeat")["value"]
        for runs in (base, variant)
    )
    return (own - usual).dropna().tolist()


def ablation_table(study: Study, found: Ablation) -> Table:
    """A row per change: the metric, the paired difference, and the activity."""
    metric = study.metric
    digits = 2 if metric.is_accuracy else 4
    table = Table(
        "ablation",
        f"What each change does to {metric.title}",
        ["changed", "runs", f"mean{metric.unit}", "sd", "difference", "sd of it", "pairs"],
        note="Differences between runs that share seed, split and speakers; sd: standard deviation "
        "over runs, or pairs (n - 1).",
    )
    active, counted = (bool(study.frame[name].notna().any()) for name in ("spikes", "synops"))
    table.columns += ["spikes"] * active + ["synaptic operations"] * counted

    def number(value: float) -> str:
        return number_text(metric.factor * value, digits)

    grouped = dict(list(study.frame.groupby(study.keys)))
    runs_of = {p: grouped[tuple(study.points.loc[p, study.keys])] for p in study.points.index}
    base = runs_of[found.base]
    for point in (found.base, *found.variants):
        runs, row = runs_of[point], study.points.loc[point]
        cells = [str(int(row["n"])), number(row["value"]), number(row["value_sd"])]
        if point == found.base:
            cells = [NOTHING, *cells, "-", "-", "-"]
        else:
            pairs = pd.Series(paired(base, runs), dtype=float)
            difference = "-" if pairs.empty else f"{metric.factor * pairs.mean():+.{digits}f}"
            cells = [_changes(study, base, runs), *cells, difference, number(pairs.std())]
            cells.append(str(len(pairs)))
        cells += [brief(row["spikes"])] * active + [brief(row["synops"])] * counted
        table.rows.append(cells)
    if base["value"].isna().all():
        table.note += f" The unchanged point has no {metric.title}."
    n = study.samples(metric.split or "")
    if metric.is_accuracy and n:
        table.note += f" One sample of {n} is {percent(1 / n)} points."
    return table
