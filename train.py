"""Train one network, or every point of a grid: compose the configuration, build, run, record.

python train.py --help
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from snn.cli.command import run_cli
from snn.cli.printout import print_result
from snn.config.compose import resolved
from snn.config.schema import check
from snn.errors import BusyError, Refused, SnnError
from snn.runs import RunDirectory
from snn.runs.run import train
from snn.sweeps.job import run_point
from snn.sweeps.launch import PointStopped
from snn.training.quiet import quiet_libraries

CONFIG_DIR = Path(__file__).resolve().parent / "conf"
log = logging.getLogger(__name__)


def progress_style(asked: str) -> str:
    """A bar only where one can be drawn."""
    if asked != "auto":
        return asked
    return "bar" if sys.stderr.isatty() else "lines"


def single(cfg: DictConfig, settings: DictConfig) -> dict[str, Any]:
    """The one run of a command."""
    run = RunDirectory(settings.runtime.output_dir)
    try:
        config = resolved(cfg)
        check(config)
        overrides = list(settings.overrides.task)
        result = train(config, run, overrides, progress_style(cfg.progress))
    except SnnError as error:
        raise Refused(error, begun=run.begun) from error
    except Exception:
        log.exception("the run failed")
        raise
    print_result(result, run.path)
    return result


def point(cfg: DictConfig, settings: DictConfig) -> dict[str, Any]:
    """One run of many: what goes wrong is said in its log, and the launcher goes on."""
    try:
        config = resolved(cfg)
        check(config)
        return run_point(config, settings)
    except SnnError as error:
        stop = PointStopped(str(error))
        stop.busy = isinstance(error, BusyError)
        raise stop from error


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Hydra's task; returns the accuracy that a sweeper may rank by."""
    settings = HydraConfig.get()
    quiet_libraries()
    of_many = settings.mode == RunMode.MULTIRUN
    result = point(cfg, settings) if of_many else single(cfg, settings)
    return result.get("metrics.final.val.accuracy")


if __name__ == "__main__":
    quiet_libraries()
    sys.exit(run_cli(main, sys.argv[1:], CONFIG_DIR))
