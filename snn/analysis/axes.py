"""Which configuration keys a set of runs varies, and which only follow from those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from snn.analysis.records import Run
from snn.analysis.values import ABSENT, label, number, ordered, shown
from snn.config.identity import NOT_TASK
from snn.runs.search_plan import Dimension

# What draws chance: runs that differ in these alone repeat one point.
REPEATS = ("seed", "data.split_seed", "data.val_speakers")
# More values than this are a search, not a grid: shown as scatter, not value by value.
MOST_LEVELS = 12
TITLES = {
    "model.nb_hidden": "hidden neurons",
    "data.nb_steps": "time steps",
    "model.scale": "surrogate scale",
    "model.regularizer": "regulariser rate",
    "model.tau_mem": "tau_mem (ms)",
    "model.tau_syn": "tau_syn (ms)",
    "optimizer.lr": "learning rate",
    "trainer.max_epochs": "epochs",
    "data.batch_size": "batch size (samples)",
}


@dataclass(frozen=True)
class Axis:
    """One varied key.

    Attributes:
        key: dotted configuration key, or a group's name such as ``optimizer``.
        levels: its values as labels, in order.
        short: the key's last part, or all of it where two axes would share that.
        dimension: where a search draws its values from; None of a grid's axis.
    """

    key: str
    levels: tuple[str, ...]
    short: str
    dimension: Dimension | None = None

    @property
    def title(self) -> str:
        """For a figure: what the key means, with its unit."""
        return TITLES.get(self.key, self.short)

    @property
    def shown(self) -> list[str]:
        """The levels for reading."""
        return [shown(level) for level in self.levels]

    @property
    def numbers(self) -> list[float] | None:
        """The values as numbers, or None if one is not."""
        numbers = [number(level) for level in self.levels]
        return None if None in numbers else numbers

    @property
    def is_search(self) -> bool:
        """Whether its values are drawn, or too many to show one by one."""
        drawn = self.dimension is not None and self.dimension.is_drawn
        return len(self.levels) > MOST_LEVELS or (drawn and self.numbers is not None)


@dataclass(frozen=True)
class Axes:
    """The axes of a set of runs.

    Attributes:
        axes: the varied keys, those of the command line first and in its order.
        values: ``{axis key: label of each run}``.
        repeats: ``{key: label of each run}`` of those of :data:`REPEATS` that vary.
        following: keys that vary only because an axis does.
        common: ``{key: text}`` of the overrides that all runs share.
    """

    axes: tuple[Axis, ...]
    values: Mapping[str, Sequence[str]]
    repeats: Mapping[str, Sequence[str]]
    following: tuple[str, ...]
    common: Mapping[str, str]

    @property
    def repeated(self) -> str:
        """What repeats differ in: ``seeds``, ``splits``, ``seeds and splits``."""
        words = dict.fromkeys("seeds" if key == "seed" else "splits" for key in self.repeats)
        return " and ".join(words) or "repeats"


def find_axes(runs: Sequence[Run], space: Mapping[str, Dimension] | None = None) -> Axes:
    """The keys that vary over runs; seeds and what follows from them are repeats, not an axis.

    Args:
        runs: completed ones.
        space: what a search drew from.
    """
    space = space or {}
    keys = list(dict.fromkeys(key for run in runs for key in run.config))
    columns = {key: _column(key, runs) for key in keys}
    varying = {key for key, column in columns.items() if len(set(column)) > 1}
    overridden = list(dict.fromkeys(key for run in runs for key in run.overrides))
    chosen: dict[str, Sequence[str]] = {}
    for key in overridden:
        if key in varying and key not in REPEATS:
            chosen[key] = columns[key]
        elif key not in columns and _is_varied_group(key, runs, varying):
            chosen[key] = [run.overrides[key] for run in runs]
    following = []
    repeats = {key: columns[key] for key in REPEATS if key in varying}
    drawn = [*repeats.values()] or [[""] * len(runs)]
    # Targets last: of two keys that change together, the readable one names the axis.
    others = varying - chosen.keys() - set(REPEATS)
    for key in sorted(others, key=lambda k: ("_target_" in k, k)):
        if _follows(columns[key], drawn):
            continue  # data.seed and its like
        if _follows(columns[key], [*drawn, *chosen.values()]):
            following.append(key)
        else:
            chosen[key] = columns[key]
    names = [key.rsplit(".", 1)[-1] for key in chosen]
    axes = tuple(
        Axis(
            key,
            tuple(ordered(column)),
            name if names.count(name) == 1 else key,
            space.get(key),
        )
        for name, (key, column) in zip(names, chosen.items(), strict=True)
    )
    common = {
        key: runs[0].overrides[key]
        for key in overridden
        if key not in chosen
        and key not in repeats
        and len({run.overrides.get(key, ABSENT) for run in runs}) == 1
    }
    return Axes(axes, chosen, repeats, tuple(following), common)


def _column(key: str, runs: Sequence[Run]) -> list[str]:
    """A key's value in each run. Where some say null, an older record without the key means it."""
    optional = any(key in run.config and run.config[key] is None for run in runs)
    missing = label(None) if optional else ABSENT
    return [label(run.config[key]) if key in run.config else missing for run in runs]


def _is_varied_group(key: str, runs: Sequence[Run], varying: set[str]) -> bool:
    """Whether a group's choice was given for every run, varies, and matters to the result."""
    if key in NOT_TASK or any(key not in run.overrides for run in runs):
        return False
    if len({run.overrides[key] for run in runs}) == 1:
        return False
    prefix = key.replace("/", ".") + "."
    return any(name.startswith(prefix) for name in varying)


def _follows(column: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether a column is a function of the others."""
    seen: dict[tuple[str, ...], str] = {}
    return all(
        seen.setdefault(given, value) == value
        for given, value in zip(zip(*others, strict=True), column, strict=True)
    )
