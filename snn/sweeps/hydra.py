"""A sweep as Hydra runs it: its overrides expanded or searched, its launcher used."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from rich.console import Console

from snn.errors import Refused, SnnError, SweepError
from snn.runs import Interrupted
from snn.sweeps.extend import Edges, extended
from snn.sweeps.listing import counts, point_table, print_end
from snn.sweeps.points import expand, make_points
from snn.sweeps.setting import Setting, job_overrides, make_setting, save_multirun
from snn.sweeps.sweeper import Sweep, redo_points

__all__ = ["job_overrides", "redo_points", "sweep"]

log = logging.getLogger(__name__)


def sweep(
    config: DictConfig,
    context: HydraContext,
    task_function: TaskFunction,
    arguments: Sequence[str],
    params: Mapping[str, Any],
    edges: Edges,
) -> None:
    """Check all points, start what is left of them, say what failed.

    Args:
        config: of the sweep as a whole, Hydra's part included.
        context: Hydra's.
        task_function: what the launcher calls for each point.
        arguments: task overrides of the command line.
        params: what the configuration asks to be swept.
        edges: says where the best values of a grid lie on its edge.

    Raises:
        Refused: a point is wrong, or some did not complete.
    """
    # A file or a pipe has no width of its own; tables should not be folded for it.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    try:
        setting = make_setting(config, context, task_function, console)
        if config.get("search"):
            from snn.sweeps.search.search import search  # needs an extra

            search(setting, arguments, params)
        else:
            _grid(setting, arguments, params, edges)
    except SnnError as error:
        raise Refused(error) from None
    except Interrupted as stop:
        stop.sweep = Path(config.hydra.sweep.dir)
        raise


def _grid(
    setting: Setting, arguments: Sequence[str], params: Mapping[str, Any], edges: Edges
) -> None:
    options, directory = setting.config.sweep, setting.directory
    setting.check_together()
    setting.warm_up()
    points = make_points(setting.composer, expand(arguments, params), directory)
    means = {"jobs": setting.jobs, "groups": setting.groups}
    whole = Sweep(points, directory, setting.launch, **means)
    found = whole.look()
    if options.dry_run:
        setting.console.print(point_table(found, str(directory)))
        setting.console.print(counts(found), highlight=False)
        return
    log.info("%s: %s", directory, counts(found))
    kept = redo_points(options.redo, found, directory)
    found = whole.run()
    failures = {**whole.failures(found), **kept}
    if options.extend:
        for wider in extended(setting, arguments, params, edges, whole):
            found = wider.run()
            failures = {**wider.failures(found), **kept}
    print_end(setting.console, found, failures, directory)
    save_multirun(setting)
    if failures:
        raise SweepError(f"{len(failures)} of {len(found)} points are not completed")
