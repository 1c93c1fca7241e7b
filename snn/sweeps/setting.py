"""What a grid and a search are both told: where points lie, how they are composed and started."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from snn.config.compose import Composer
from snn.config.overrides import search_path_of
from snn.errors import ConfigError
from snn.runs.sweep_plan import PLAN
from snn.sweeps.compositions import Compositions
from snn.sweeps.group import grouped
from snn.sweeps.here import can_start, launch_here
from snn.sweeps.launch import launch_all
from snn.sweeps.launchers import parallel_jobs
from snn.sweeps.points import Point
from snn.sweeps.process import start_server

# Launchers that say more than once what each point is; a line follows when it is done.
TALKERS = (
    "hydra._internal.core_plugins.basic_launcher",
    "hydra_plugins.hydra_joblib_launcher._core",
)


log = logging.getLogger(__name__)


@dataclass
class Setting:
    """A multirun's directory and its means.

    Attributes:
        config: of the sweep as a whole, Hydra's part included.
        composer: of the points' configurations.
        launcher: Hydra's.
        context: likewise.
        console: for tables.
        started: jobs so far.
        begun: names of the points that were started so far.
    """

    config: DictConfig
    composer: Composer
    launcher: Launcher
    context: HydraContext
    console: Console
    started: int = field(default=0, init=False)
    begun: set[str] = field(default_factory=set, init=False)

    @cached_property
    def here(self) -> bool:
        """Whether points are started by this process instead of the launcher."""
        return can_start(self.config)

    @cached_property
    def compositions(self) -> Compositions:
        return Compositions(self.context.config_loader, self.config, self.composer)

    def warm_up(self) -> None:
        """Let the server of points begin with its imports while points are checked.

        Not where nothing may be left to start: of a dry run, or of a sweep that was begun before.
        """
        if self.here and not (self.config.sweep.dry_run or (self.directory / PLAN).exists()):
            start_server()

    @property
    def directory(self) -> Path:
        return Path(self.config.hydra.sweep.dir)

    @property
    def jobs(self) -> int | None:
        """How many points run beside each other on this machine; None if they run elsewhere."""
        return parallel_jobs(self.config.hydra.launcher)

    @property
    def at_once(self) -> int:
        """How many points are worth having at hand at the same time."""
        elsewhere = self.config.hydra.launcher.get("array_parallelism") or 1
        return self.jobs or elsewhere

    def groups(self, points: Sequence[Point]) -> list[list[Point]]:
        """Points that are to share a process (``sweep.together``)."""
        return grouped(points, self.config.sweep.get("together", 1), self.begun)

    def check_together(self) -> None:
        """Refuse to let points share processes that others start.

        Raises:
            ConfigError: ``sweep.together`` is more than 1, and a launcher starts the points.
        """
        most = self.config.sweep.get("together", 1)
        if most > 1 and not self.here:
            allowed = (
                "1, unless the sweep itself starts its points: with hydra/launcher=basic or "
                "joblib, and without Hydra's callbacks and hydra.job.env_set"
            )
            raise ConfigError("sweep.together", most, allowed)
        if most > 1 and self.config.trainer.get("accelerator") == "cpu":
            log.warning("sweep.together=%d gains nothing on a CPU: the points take turns", most)

    def launch(
        self, points: Sequence[Point], more: Callable[[Point], Sequence[str]] | None = None
    ) -> list[Exception | None]:
        """Start points and wait for them.

        Args:
            points: to be started.
            more: overrides that a point's job is given beside its own.
        """

        def line(point: Point) -> list[str]:
            return [*job_overrides(point, self.directory), *(more(point) if more else ())]

        number, self.started = self.started, self.started + len(points)
        if not self.here:
            return launch_all(self.launcher, [line(p) for p in points], number, self.jobs)
        groups = self.groups(points)
        self.begun |= {point.name for point in points}
        lines = [[line(point) for point in group] for group in groups]
        some = self.compositions, lines, number, self.jobs or 1
        errors = launch_here(self.context, self.config, *some)
        ended = dict(zip((p.name for group in groups for p in group), errors, strict=True))
        return [ended[point.name] for point in points]


def make_setting(
    config: DictConfig, context: HydraContext, task_function: TaskFunction, console: Console
) -> Setting:
    """The setting of a multirun, as Hydra describes it."""
    sources = config.hydra.runtime.config_sources
    config_dir = next(Path(source.path) for source in sources if source.provider == "main")
    composer = Composer(config_dir, config.hydra.job.config_name, search_path_of(config.hydra))
    for talker in TALKERS:
        logging.getLogger(talker).setLevel(logging.WARNING)
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=task_function, config=config
    )
    return Setting(config, composer, launcher, context, console)


def job_overrides(point: Point, directory: Path) -> list[str]:
    """What the launcher gives Hydra for a point.

    The directory too: Hydra composes each job anew, and one that is named after a swept group
    would be another for each of its choices.
    """
    place = QuotedString(str(directory).replace("${", r"\${"), Quote.single).with_quotes()
    return [*point.overrides, f"hydra.sweep.dir={place}", f"hydra.sweep.subdir={point.name}"]


def save_multirun(setting: Setting) -> None:
    """Leave Hydra's own record of the command."""
    try:
        OmegaConf.save(setting.config, setting.directory / "multirun.yaml")
    except OSError as error:
        log.warning("%s/multirun.yaml: cannot be written (%s)", setting.directory, error)
