"""The points of a grid, each checked, named and given its directory."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

from snn.config.compose import Composer, parse
from snn.config.identity import config_hash, flatten
from snn.errors import ConfigError, SnnError
from snn.runs.directory import RunDirectory

log = logging.getLogger(__name__)

# The readable part of a directory's name; the hash behind it tells everything else apart. It must
# not depend on which keys a command varies: the same run has the same directory in every grid.
SLUG = {
    "model.nb_hidden": "hidden",
    "data.nb_steps": "steps",
    "model.scale": "scale",
    "model.regularizer": "reg",
    "seed": "seed",
}
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


def name_of(config: Mapping[str, Any]) -> str:
    """The name of a run's directory: a function of its task alone.

    >>> name_of(config)
    'hidden100_steps76_scale20_reg0.01_seed1-5d0e82a9c1f3'
    """
    leaves = dict(flatten(config))
    words = [f"{short}{_word(leaves[key])}" for key, short in SLUG.items() if key in leaves]
    return "_".join(words) + f"-{config_hash(config)[:HASH_DIGITS]}"


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
                "intervals need another hydra/sweeper"
            )
    parsed = [o for o in parsed if not o.is_hydra_override()]
    return BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]


def make_points(
    composer: Composer, command_lines: Iterable[Sequence[str]], directory: Path
) -> list[Point]:
    """Compose and check every point; equal ones become one.

    Args:
        composer: of the configuration.
        command_lines: of the points.
        directory: the sweep's.

    Raises:
        SnnError: a point is wrong; the message names it and the key.
    """
    command_lines = list(command_lines)
    points: dict[str, Point] = {}
    for number, overrides in enumerate(command_lines):
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
        point = Point(tuple(overrides), config, RunDirectory(directory / name_of(config)))
        same = points.setdefault(point.name, point)
        if same is not point:
            a, b = set(same.overrides) - set(overrides), set(overrides) - set(same.overrides)
            log.warning("%s and %s are the same run, trained once", *map(" ".join, (a, b)))
    return list(points.values())
