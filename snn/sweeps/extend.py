"""A grid that goes on past its edge, for as long as the best value of a key lies there."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from snn.config.overrides import parse
from snn.errors import SnnError
from snn.runs.edge import Edge
from snn.runs.state import State
from snn.sweeps.points import expand, make_points
from snn.sweeps.setting import Setting
from snn.sweeps.sweeper import Sweep

log = logging.getLogger(__name__)

TIE = 1e-9  # a smaller lead is none: more of a value that makes no difference is not worth a run


# The edges that the completed runs of these names in a sweep's directory show.
Edges = Callable[[Path, Collection[str]], Sequence[Edge]]


def extended(
    setting: Setting,
    arguments: Sequence[str],
    params: Mapping[str, Any],
    edges: Edges,
    grid: Sweep,
) -> Iterator[Sweep]:
    """Ever wider grids, each to be run before the next is asked for.

    One value is added at a time, to the key whose best value leads the next by most: the grid stays
    full, and what it costs stays small. The same command after a kill comes by the same grids.

    Args:
        setting: of the multirun.
        arguments: task overrides of the command line.
        params: what the configuration asks to be swept.
        edges: tells where the best values lie.
        grid: the first, which has been run.
    """
    most = setting.config.sweep.extend_most
    added: Counter[tuple[str, str]] = Counter()
    closed: set[tuple[str, str]] = set()
    while True:
        found = grid.look()
        left = sum(f.state is not State.COMPLETED for f in found.values())
        if left:
            log.warning("sweep.extend: not extended, since %d points are not completed", left)
            return
        swept = _swept(arguments, params)
        at_edge = [
            edge
            for edge in edges(setting.directory, {point.name for point in grid.points})
            if edge.key in swept and edge.lead > TIE and (edge.key, edge.mark) not in closed
        ]
        for edge in at_edge:
            side = edge.key, edge.mark
            if edge.value is None or added[side] >= most:
                why = "no value beyond it makes sense"
                if edge.value is not None:
                    why = f"{most} values were added there: sweep.extend_most says how many"
                log.info("sweep.extend: %s=%s%s is at the edge; %s", *side, edge.best, why)
                closed.add(side)
        at_edge = [edge for edge in at_edge if (edge.key, edge.mark) not in closed]
        if not at_edge:
            return
        edge = max(at_edge, key=lambda edge: edge.lead)
        wider = _with_value(arguments, params, edge.key, edge.value)
        try:
            points = make_points(setting.composer, expand(wider, params), setting.directory)
        except SnnError as error:
            log.info("sweep.extend: %s=%s cannot be run: %s", edge.key, edge.value, error)
            closed.add((edge.key, edge.mark))
            continue
        log.info(
            "sweep.extend: %s=%s%s is at the edge; goes on with %s, %d points more",
            *(edge.key, edge.best, edge.mark, edge.value, len(points) - len(grid.points)),
        )
        added[edge.key, edge.mark] += 1
        arguments = wider
        grid = Sweep(
            points, setting.directory, setting.launch, jobs=setting.jobs, groups=setting.groups
        )
        yield grid


def _swept(arguments: Sequence[str], params: Mapping[str, Any]) -> set[str]:
    """The keys that have several values."""
    parsed = parse([*(f"{key}={values}" for key, values in params.items()), *arguments])
    return {o.key_or_group for o in parsed if o.is_sweep_override()}


def _with_value(
    arguments: Sequence[str], params: Mapping[str, Any], key: str, value: str
) -> list[str]:
    """The command line with one more value of a key."""
    defaults = [f"{k}={v}" for k, v in params.items()]
    override = next(o for o in reversed(parse([*defaults, *arguments])) if o.key_or_group == key)
    values = ",".join([*override.sweep_string_iterator(), value])
    kept = [line for line in arguments if line != override.input_line]
    return [*kept, f"{override.get_key_element()}={values}"]
