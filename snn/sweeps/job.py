"""A point of a sweep in a process of its own: whatever kills it, the sweep goes on."""

from __future__ import annotations

import logging
import logging.config
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from snn.config.overrides import search_path_of
from snn.errors import BusyError, PrunedError, RunError, SnnError
from snn.runs import RunDirectory, config_hash, read_json, write_json
from snn.runs.state import State, look
from snn.runs.status import Interrupted, new_status, now
from snn.sweeps.launchers import has_own_process, threads_of_job
from snn.sweeps.pace import done_line
from snn.sweeps.process import die_with_parent, process_context
from snn.sweeps.slots import own_gpu
from snn.training.quiet import quiet_libraries

log = logging.getLogger(__name__)

# States of a record that may be replaced: nobody's at work, and none that stands.
OPEN = (State.NEW, State.INTERRUPTED, State.FAILED, State.PRUNED)


# Overrides that say how a point was found.
NOT_RECORDED = ("sweep.", "search")


@dataclass(frozen=True)
class Job:
    """What a point's process is told.

    Attributes:
        config: resolved and checked.
        path: the run's directory.
        overrides: of the command line, for the record.
        progress: ``lines`` or ``none``.
        logging: configuration of the process's logs, for :func:`logging.config.dictConfig`.
    """

    config: Mapping[str, Any]
    path: Path
    overrides: Sequence[str]
    progress: str
    logging: Mapping[str, Any]


def run_point(config: Mapping[str, Any], settings: DictConfig) -> dict[str, Any]:
    """Train a point of a multirun, or return what stands in its record already.

    Args:
        config: resolved and checked.
        settings: Hydra's part of the job's configuration.

    Raises:
        SnnError: it failed; its log says more.
    """
    job = job_of(config, settings)
    try:
        if has_own_process(OmegaConf.to_container(settings.launcher)):
            return _run_here(job)
        result = run_apart(job)
    except PrunedError as stop:
        log.info("%s: %s", job.path.name, stop)
        return {}
    log.info("%s", line_of(job, result))
    return result


def job_of(config: Mapping[str, Any], settings: DictConfig) -> Job:
    """What the process of a point is told; arguments as of :func:`run_point`."""
    config = dict(config)
    launcher = OmegaConf.to_container(settings.launcher)
    config["threads"] = config["threads"] or threads_of_job(launcher)
    recorded = [o for o in settings.overrides.task if not o.startswith(NOT_RECORDED)]
    return Job(
        config=config,
        path=Path(settings.runtime.output_dir),
        overrides=[*search_path_of(settings), *recorded],
        progress="none" if config["progress"] == "none" else "lines",
        logging=_log_config(settings, console=config["progress"] == "lines"),
    )


def line_of(job: Job, result: Mapping[str, Any]) -> str:
    """What is said of a point that is done."""
    accuracy = result.get("metrics.final.val.accuracy")
    if accuracy is None:  # 0.0 is one
        accuracy = result["metrics.final.train.accuracy"]
    return done_line(job.path, accuracy, result["fit_seconds"])


def _log_config(settings: DictConfig, *, console: bool) -> dict[str, Any]:
    """The job's logging; a line per epoch of many runs belongs into their files only."""
    config = OmegaConf.to_container(settings.job_logging, resolve=True)
    if not console and "console" in config.get("handlers", {}):
        config["handlers"]["console"]["level"] = "WARNING"
    return config


def _run_here(job: Job) -> dict[str, Any]:
    try:
        with own_gpu(job.config):
            return trained(job)
    except PrunedError:
        raise
    except SnnError as error:
        log.error("%s", error)
        raise
    except Exception:
        log.exception("the run failed")
        raise


def trained(job: Job) -> dict[str, Any]:
    """Train a point, or go on with it; its result."""
    # Torch: not for a process that only starts others.
    from snn.runs.run import train_or_go_on
    from snn.sweeps.search.pruning import judge_of

    run, judge = RunDirectory(job.path), judge_of(job.config, job.path)
    config = {**job.config, "search": None} if job.config.get("search") else dict(job.config)
    return train_or_go_on(config, run, job.overrides, job.progress, judge)


class PointError(SnnError):
    """A point that failed; its process has said so in the point's own log."""


@dataclass(frozen=True)
class Running:
    """A point's process.

    Attributes:
        job: what it was told.
        process: it.
        receiver: can be read when the point has ended.
        shared: other points are trained by the same process, and may go on.
    """

    job: Job
    process: BaseProcess
    receiver: Connection
    shared: bool = False

    def result(self) -> dict[str, Any]:
        """Wait for its end; its result.

        Raises:
            BusyError: another process trains the point.
            PointError: it failed.
            PrunedError: a search stopped it.
            RunError: the process was killed; the record says so.
        """
        try:
            kind, content = self.receiver.recv()
        except EOFError:
            self.process.join()
            gone = self.job, self.process.pid, self.process.exitcode
            return left_behind(*gone, guilty=not self.shared)
        if not self.shared:
            self.process.join()
        if kind == "result":
            return content
        raise {"busy": BusyError, "failed": PointError, "pruned": PrunedError}[kind](content)

    def stop(self) -> None:
        """Let it write down that it was interrupted."""
        self.process.terminate()


def start(job: Job) -> Running:
    """Train a point in a new process."""
    context = process_context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(job, sender))
    process.start()
    sender.close()
    return Running(job, process, receiver)


def run_apart(job: Job) -> dict[str, Any]:
    """Train a point in a new process; returns its result.

    Raises:
        BusyError, PointError, PrunedError, RunError: as :meth:`Running.result`.
    """
    running = start(job)
    try:
        return running.result()
    except Exception:
        raise
    except BaseException:
        running.stop()
        running.process.join()
        raise


def left_behind(
    job: Job, pid: int | None, exitcode: int | None, *, guilty: bool = True
) -> dict[str, Any]:
    """What to make of a point whose process ended without a word: its result, if it left one.

    Args:
        job: what the process was told.
        pid: the process's.
        exitcode: likewise.
        guilty: the process died of this point. Else the record is left as it is, and tells that
            the point was interrupted.

    Raises:
        BusyError: another process trains the point by now.
        RunError: it is not completed; the record says why.
    """
    run = RunDirectory(job.path)
    how = f"exit code {exitcode}"
    if exitcode is not None and exitcode < 0:
        how = signal.Signals(-exitcode).name
    if how == "SIGKILL":
        how += " (out of memory?)"
    error = RunError(f"the process of {run.path.name} was killed: {how}")
    with run.owned():
        found = look(run, job.config)
        if found.state is State.COMPLETED:
            return dict(found.result)
        if guilty and found.state in OPEN and not _closed_by(run, pid):
            facts = {"config_hash": config_hash(job.config), "overrides": list(job.overrides)}
            status = new_status(facts) | {
                "state": "failed",
                "end": now(),
                "error": {"type": "ProcessDied", "message": str(error), "traceback": ""},
            }
            write_json(run.status, status)
    log.error("%s", error)
    raise error


def _closed_by(run: RunDirectory, pid: int | None) -> bool:
    """Whether the process has written down itself how it ended: a signal, say."""
    if not run.status.exists():
        return False
    status = read_json(run.status)
    return status.get("state") == "failed" and status.get("pid") == pid


def told(train: Callable[[], dict[str, Any]]) -> tuple[str, Any]:
    """Train a point; what whoever started it is to be told, as :meth:`Running.result` reads it."""
    try:
        return "result", train()
    except BusyError as error:
        return "busy", str(error)
    except PrunedError as stop:
        log.info("%s", stop)
        return "pruned", str(stop)
    except SnnError as error:
        log.error("%s", error)
        return "failed", str(error)
    except Exception as error:
        log.exception("the run failed")
        return "failed", f"{type(error).__name__}: {error}"


def set_up_logs(job: Job) -> None:
    """Let this process, or its run whose turn it is, write to the point's logs."""
    logging.config.dictConfig({**job.logging, "disable_existing_loggers": False})
    quiet_libraries()


def _work(job: Job, sender: Connection) -> None:
    """All of the process."""
    die_with_parent()
    set_up_logs(job)

    def train() -> dict[str, Any]:
        with own_gpu(job.config):
            return trained(job)

    try:
        sender.send(told(train))
    except Interrupted as stop:  # the record says so by now
        sys.exit(128 + stop.signum)
