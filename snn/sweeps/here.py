"""Points that this process starts itself, so many beside each other.

Hydra composes each, writes its record of it and hands over to what would train it; that alone is
left to a process of its own (:mod:`snn.sweeps.job`). While points train, the next one is composed.
"""

from __future__ import annotations

import logging
import logging.config
import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from snn.config.compose import resolved
from snn.config.schema import check
from snn.errors import PrunedError, SnnError
from snn.sweeps.compositions import Compositions
from snn.sweeps.group import start_together
from snn.sweeps.job import Job, Running, job_of, line_of, start
from snn.sweeps.launch import PointStopped

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """A point that could start: its job, and the logs that it has in this process."""

    job: Job
    logging: Mapping[str, Any]


def can_start(config: DictConfig) -> bool:
    """Whether points may be started from here instead of by Hydra's launcher.

    Only for launchers of this machine of which nothing is asked but how many points run at once,
    and where nothing is to happen around the training: callbacks, variables of the environment.
    """
    if config.hydra.get("callbacks") or config.hydra.job.get("env_set"):
        return False
    launcher = OmegaConf.to_container(config.hydra.launcher)
    kind = launcher["_target_"].rsplit(".", 1)[-1]
    if kind == "BasicLauncher":
        return True
    if kind != "JoblibLauncher":
        return False
    from hydra_plugins.hydra_joblib_launcher.config import JobLibLauncherConf

    usual = vars(JobLibLauncherConf())
    return all(usual.get(key) == value for key, value in launcher.items() if key != "n_jobs")


def launch_here(
    context: HydraContext,
    config: DictConfig,
    compositions: Compositions,
    groups: Sequence[Sequence[Sequence[str]]],
    first: int,
    at_once: int,
) -> list[Exception | None]:
    """Train a point for each line of overrides and wait for all of them.

    Args:
        context: Hydra's.
        config: of the sweep as a whole, Hydra's part included.
        compositions: what Hydra composes for a line.
        groups: lines of overrides, of points that are to share a process.
        first: number of the first job.
        at_once: how many processes may run beside each other.

    Returns:
        What each point ended with, in order; None if it did what it should.
    """
    setup_globals()
    lines = [line for group in groups for line in group]
    errors: list[Exception | None] = [None] * len(lines)
    numbers = iter(range(len(lines)))
    todo = deque([next(numbers) for _ in group] for group in groups)
    ready: list[tuple[int, Prepared]] = []
    running: dict[Any, tuple[int, Prepared, Running]] = {}
    try:
        while todo or ready or running:
            if not ready and todo:
                for number in todo.popleft():
                    composed = compositions.of(lines[number])
                    made = _prepared(context, config, composed, first + number)
                    if isinstance(made, Prepared):
                        ready.append((number, made))
                    else:
                        errors[number] = made
            elif ready and len(_processes(running)) < at_once:
                jobs = [prepared.job for _, prepared in ready]
                started = [start(jobs[0])] if len(jobs) == 1 else start_together(jobs)
                for which, point in zip(ready, started, strict=True):
                    running[point.receiver] = (*which, point)
                ready = []
            else:
                for receiver in wait(list(running)):
                    number, prepared, point = running[receiver]
                    errors[number] = _ended(config, prepared, point)
                    del running[receiver]
                    if point.process not in _processes(running):
                        point.process.join()
    except BaseException:
        for process in _processes(running):
            process.terminate()  # lets each of its points write down that it was interrupted
        for process in _processes(running):
            process.join()
        raise
    return errors


def _processes(running: Mapping[Any, tuple[int, Prepared, Running]]) -> set[BaseProcess]:
    return {point.process for _, _, point in running.values()}


def _prepared(
    context: HydraContext, config: DictConfig, composed: DictConfig, number: int
) -> Prepared | Exception:
    """A point as Hydra would start it, or why it cannot be."""
    with open_dict(composed):
        composed.hydra.job.id = str(number)
        composed.hydra.job.num = number
    HydraConfig.instance().set_config(composed)
    done: JobReturn = run_job(
        hydra_context=context,
        task_function=_task,
        config=composed,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    value = done._return_value  # the public property raises, and prints
    if done.status is JobStatus.FAILED and isinstance(value, SnnError):
        return PointStopped.by(value)
    return value


def _task(cfg: DictConfig) -> Prepared:
    settings = HydraConfig.get()
    os.chdir(settings.runtime.cwd)  # as cli.train.task
    config = resolved(cfg)
    check(config)
    logs = OmegaConf.to_container(settings.job_logging, resolve=True)
    return Prepared(job_of(config, settings), logs)


def _ended(config: DictConfig, prepared: Prepared, point: Running) -> Exception | None:
    """Say what became of a point, in its own log too; what it ended with."""
    logging.config.dictConfig({**prepared.logging, "disable_existing_loggers": False})
    try:
        result = point.result()
        log.info("%s", line_of(prepared.job, result))
        return None
    except PrunedError as stop:
        log.info("%s: %s", prepared.job.path.name, stop)
        return None
    except SnnError as error:
        return PointStopped.by(error)
    except Exception as error:
        return error
    finally:
        configure_log(config.hydra.hydra_logging, config.hydra.verbose)
