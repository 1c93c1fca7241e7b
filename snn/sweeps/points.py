"""The points of a grid, each checked, named and given its directory."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from snn.config.compose import Composer
from snn.config.identity import NOT_TASK, config_hash, flatten
from snn.config.overrides import parse
from snn.errors import ConfigError, SnnError
from snn.runs.directory import RunDirectory
from snn.runs.sweep_plan import planned_points
from snn.runs.swept import swept_keys, values_of, word

log = logging.getLogger(__name__)

# The readable part of a directory's name; the hash behind it tells runs apart.
SLUG = {
    "model.nb_hidden": "hidden",
    "data.nb_steps": "steps",
    "model.scale": "scale",
    "model.regularizer": "reg",
    "seed": "seed",
}
LETTERS = 40  # of the readable part, unless what is swept takes more
HASH_DIGITS = 12


@dataclass(frozen=True, eq=False)
class Point:
    """One run of a sweep.

    Attributes:
        overrides: its command line.
        config: resolved and checked.
        run: its directory.
    """

    overrides: tuple[str, ...]
    config: Mapping[str, Any]
    run: RunDirectory

    @property
    def name(self) -> str:
        return self.run.path.name


def name_of(config: Mapping[str, Any], words: Sequence[str] = ()) -> str:
    """The name of a run's directory; the hash at its end is a function of the run's task alone.

    >>> name_of(config)
    'hidden100_steps76_scale20_reg0.01_seed1-5d0e82a9c1f3'
    >>> name_of(config, ["hidden100", "sgd"])
    'hidden100_sgd-5d0e82a9c1f3'
    """
    leaves = dict(flatten(config))
    words = words or [f"{s}{_word(leaves[key])}" for key, s in SLUG.items() if key in leaves]
    return f"{'_'.join(words)}-{config_hash(config)[:HASH_DIGITS]}"


def words_of(overrides: Sequence[str], swept: Sequence[str]) -> list[str]:
    """Words for a point: of the keys that are swept; then of what else decides its result.

    Commands that sweep nothing may share a directory too, so that the rest tells them apart.
    """
    said = values_of(overrides)
    words = [word(key, said[key]) for key in swept if key in said]
    for key, value in said.items():
        decides = not key.startswith(NOT_TASK) and key not in swept
        new = word(key, value)
        if decides and sum(len(w) + 1 for w in [*words, new]) <= LETTERS:
            words.append(new)
    return words


def existing_names(directory: Path) -> dict[str, str]:
    """``{hash: name}`` of the runs in a sweep's directory, whatever they were called by.

    Those that another command has planned and not begun are among them.
    """
    found = {name[-HASH_DIGITS:]: name for name in planned_points(directory) or {}}
    begun: dict[str, str] = {}
    for status in sorted(directory.glob(f"*-{'?' * HASH_DIGITS}/status.json")):
        name = status.parent.name
        kept = begun.setdefault(name[-HASH_DIGITS:], name)
        if kept != name and (status.parent / "result.json").exists():
            begun[name[-HASH_DIGITS:]] = name
    return found | begun


def _word(value: Any) -> str:
    if isinstance(value, list):
        return "x".join(_word(v) for v in value)
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return re.sub(r"[^A-Za-z0-9.-]", "", text)


def expand(overrides: Sequence[str], params: Mapping[str, Any]) -> list[list[str]]:
    """The command lines of all points of a multirun.

    Args:
        overrides: of the command line; win over ``params``.
        params: ``{key: values}`` that the configuration asks to be swept.

    Raises:
        SnnError: an override cannot be swept.
    """
    parsed = parse([*(f"{key}={values}" for key, values in params.items()), *overrides])
    for override in parsed:
        if override.is_sweep_override() and not override.is_discrete_sweep():
            raise SnnError(
                f"{override.input_line}: a grid needs values, as in key=1,2,3 or key=range(1,4); "
                "intervals are for searches: search=optuna (pip install 'snn[search]')"
            )
    parsed = [o for o in parsed if not o.is_hydra_override()]
    return BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]


def make_points(
    composer: Composer,
    command_lines: Iterable[Sequence[str]],
    directory: Path,
    swept: Sequence[str] | None = None,
) -> list[Point]:
    """Compose and check every point; equal ones become one.

    Args:
        composer: of the configuration.
        command_lines: of the points.
        directory: the sweep's.
        swept: keys to name directories by; None: those whose values differ.

    Raises:
        SnnError: a point is wrong; the message names it and the key.
    """
    command_lines = list(command_lines)
    swept = swept_keys(command_lines) if swept is None else swept
    existing = existing_names(directory)
    points: dict[str, Point] = {}
    for number, overrides in enumerate(command_lines, start=1):
        try:
            config = composer.checked(overrides, here=False)
            if config["ckpt_path"] is not None:
                allowed = "null in a sweep, whose points go on from their own checkpoints"
                raise ConfigError("ckpt_path", config["ckpt_path"], allowed)
        except SnnError as error:
            if len(command_lines) == 1:
                raise
            listed = " ".join(overrides)
            place = f"point {number} of {len(command_lines)} ({listed})"
            raise SnnError(f"{place}: {error}") from None
        task = config_hash(config)[:HASH_DIGITS]
        name = existing.get(task) or name_of(config, words_of(overrides, swept))
        point = Point(tuple(overrides), config, RunDirectory(directory / name))
        same = points.setdefault(task, point)
        if same is not point:
            a, b = set(same.overrides) - set(overrides), set(overrides) - set(same.overrides)
            log.warning("%s and %s are the same run, trained once", *map(" ".join, (a, b)))
    return list(points.values())
