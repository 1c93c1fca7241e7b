"""``train.py``: train one network, or every point of a grid.

Compose the configuration, build, run, record. What is heavy (torch, Lightning) is imported when it
is needed: ``--help`` and a typo are answered before that.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snn.cli.help import asks_for_help, page
from snn.places import config_dir as own_config_dir
from snn.places import import_from_here

if TYPE_CHECKING:
    from omegaconf import DictConfig

log = logging.getLogger(__name__)


def main(config_dir: Path, arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code.

    Args:
        config_dir: where the configuration files lie.
        arguments: of the command line; None takes those of the process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if asks_for_help(arguments):
        print(page(config_dir))
        return 0

    try:
        import hydra

        from snn.cli.command import run_cli
    except KeyboardInterrupt:  # of a command that is stopped while it is being imported
        print("error: interrupted by SIGINT", file=sys.stderr)
        return 128 + signal.SIGINT
    import_from_here()
    command = hydra.main(version_base="1.3", config_path=str(config_dir), config_name="train")(task)
    return run_cli(command, arguments, config_dir)


def installed() -> int:
    """``snn-train``: the same, with the configuration files that were installed."""
    return main(own_config_dir())


def task(cfg: DictConfig) -> float | None:
    """Hydra's task; returns the accuracy that a sweeper may rank by."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from snn.training.quiet import quiet_libraries

    settings = HydraConfig.get()
    # Paths on the command line mean what they mean without hydra.job.chdir.
    os.chdir(settings.runtime.cwd)
    quiet_libraries()
    of_many = settings.mode == RunMode.MULTIRUN
    result = point(cfg, settings) if of_many else single(cfg, settings)
    return result.get("metrics.final.val.accuracy")


def progress_style(asked: str) -> str:
    """A bar only where one can be drawn."""
    if asked != "auto":
        return asked
    return "bar" if sys.stderr.isatty() else "lines"


def single(cfg: DictConfig, settings: DictConfig) -> dict[str, Any]:
    """The one run of a command."""
    from snn.cli.printout import print_result
    from snn.cli.words import near
    from snn.config.compose import resolved
    from snn.config.overrides import search_path_of
    from snn.config.schema import check
    from snn.errors import Refused, SnnError
    from snn.runs import Interrupted, RunDirectory
    from snn.runs.run import train

    run = RunDirectory(settings.runtime.output_dir)
    try:
        config = resolved(cfg)
        check(config)
        overrides = [*search_path_of(settings), *settings.overrides.task]
        log.info("run %s", near(run.path))
        result = train(config, run, overrides, progress_style(cfg.progress))
    except SnnError as error:
        raise Refused(error, begun=run.begun) from error
    except Interrupted as stop:
        stop.run = run.path
        raise
    except Exception:
        log.exception("the run failed")
        raise
    print_result(result, run.path)
    return result


def point(cfg: DictConfig, settings: DictConfig) -> dict[str, Any]:
    """One run of many: what goes wrong is said in its log, and the launcher goes on."""
    from snn.config.compose import resolved
    from snn.config.schema import check
    from snn.errors import SnnError
    from snn.sweeps.job import run_point
    from snn.sweeps.launch import PointStopped

    try:
        config = resolved(cfg)
        check(config)
        return run_point(config, settings)
    except SnnError as error:
        raise PointStopped.by(error) from error
