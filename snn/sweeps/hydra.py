"""A sweep as Hydra runs it: its overrides expanded, its launcher used."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from snn.config.compose import Composer
from snn.errors import Refused, SnnError, SweepError
from snn.runs import Interrupted
from snn.runs.state import Found, State
from snn.runs.sweep_plan import PLAN
from snn.sweeps.compositions import Compositions
from snn.sweeps.here import can_start, launch_here
from snn.sweeps.job import start_server
from snn.sweeps.launch import launch_all
from snn.sweeps.launchers import parallel_jobs
from snn.sweeps.listing import counts, point_table, print_end
from snn.sweeps.points import Point, expand, make_points
from snn.sweeps.sweeper import Sweep, set_aside

log = logging.getLogger(__name__)

# Launchers that say more than once what each point is; a line follows when it is done.
TALKERS = (
    "hydra._internal.core_plugins.basic_launcher",
    "hydra_plugins.hydra_joblib_launcher._core",
)


def sweep(
    config: DictConfig,
    context: HydraContext,
    task_function: TaskFunction,
    arguments: Sequence[str],
    params: Mapping[str, Any],
) -> None:
    """Check all points, start what is left of them, say what failed.

    Args:
        config: of the sweep as a whole, Hydra's part included.
        context: Hydra's.
        task_function: what the launcher calls for each point.
        arguments: task overrides of the command line.
        params: what the configuration asks to be swept.

    Raises:
        Refused: a point is wrong, or some did not complete.
    """
    try:
        _sweep(config, context, task_function, arguments, params)
    except SnnError as error:
        raise Refused(error) from None
    except Interrupted as stop:
        stop.sweep = Path(config.hydra.sweep.dir)
        raise


def _sweep(
    config: DictConfig,
    context: HydraContext,
    task_function: TaskFunction,
    arguments: Sequence[str],
    params: Mapping[str, Any],
) -> None:
    directory = Path(config.hydra.sweep.dir)
    sources = config.hydra.runtime.config_sources
    config_dir = next(Path(source.path) for source in sources if source.provider == "main")
    others = [
        s.path for s in sources if s.provider.startswith(("command-line", "hydra.searchpath"))
    ]
    search = [f"hydra.searchpath={[f'file://{path}' for path in others]}"] if others else []
    composer = Composer(config_dir, config.hydra.job.config_name, search)
    jobs = parallel_jobs(config.hydra.launcher)
    here = can_start(config)
    if here and not (config.sweep.dry_run or (directory / PLAN).exists()):
        start_server()  # which imports while points are checked; an old sweep may be finished
    points = make_points(composer, expand(arguments, params), directory)

    for talker in TALKERS:
        logging.getLogger(talker).setLevel(logging.WARNING)
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=task_function, config=config
    )
    compositions = Compositions(context.config_loader, config, composer)
    started = 0

    def launch(some: Sequence[Point]) -> list[Exception | None]:
        nonlocal started
        lines = [job_overrides(point, directory) for point in some]
        number, started = started, started + len(some)
        if here:
            return launch_here(context, config, compositions, lines, number, jobs or 1)
        return launch_all(launcher, lines, number, jobs)

    whole = Sweep(points, directory, launch, jobs=jobs)
    # A file or a pipe has no width of its own; tables should not be folded for it.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    found = whole.look()
    if config.sweep.dry_run:
        console.print(point_table(found, str(directory)))
        console.print(counts(found), highlight=False)
        return
    log.info("%s: %s", directory, counts(found))
    kept = redo_points(config.sweep.redo, found, directory)
    found = whole.run()
    failures = {**whole.failures(found), **kept}
    print_end(console, found, failures, directory)
    try:
        OmegaConf.save(config, directory / "multirun.yaml")
    except OSError as error:
        log.warning("%s/multirun.yaml: cannot be written (%s)", directory, error)
    if failures:
        raise SweepError(f"{len(failures)} of {len(found)} points are not completed")


def job_overrides(point: Point, directory: Path) -> list[str]:
    """What the launcher gives Hydra for a point.

    The directory too: Hydra composes each job anew, and one that is named after a swept group
    would be another for each of its choices.
    """
    place = QuotedString(str(directory).replace("${", r"\${"), Quote.single).with_quotes()
    return [*point.overrides, f"hydra.sweep.dir={place}", f"hydra.sweep.subdir={point.name}"]


def redo_points(
    redo: bool | str, found: Mapping[Point, Found], directory: Path
) -> dict[Point, Found]:
    """Move aside what the user wants to have trained anew; say what will be left alone.

    Returns:
        What could not be moved, and why.
    """
    kept = {}
    for point, f in found.items():
        if (redo == "all" and f.state is not State.NEW) or (redo and f.state is State.REFUSED):
            try:
                log.info("%s: moved to %s", point.name, set_aside(point, directory))
            except SnnError as error:
                log.error("%s", error)
                kept[point] = Found(State.REFUSED, str(error))
        elif f.state is State.REFUSED:
            log.warning("%s is left alone: %s", point.name, f.reason)
    return kept
