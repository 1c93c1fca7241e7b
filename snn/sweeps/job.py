"""A point of a sweep in a process of its own: whatever kills it, the sweep goes on."""

from __future__ import annotations

import logging
import logging.config
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from snn.errors import BusyError, PrunedError, RunError, SnnError
from snn.runs import RunDirectory, config_hash, read_json, write_json
from snn.runs.state import State, look
from snn.runs.status import new_status, now
from snn.sweeps.launchers import has_own_process, threads_of_job
from snn.sweeps.pace import done_line
from snn.sweeps.slots import own_gpu
from snn.training.quiet import quiet_libraries

log = logging.getLogger(__name__)

SERVER = "snn.sweeps.server"

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
    return Job(
        config=config,
        path=Path(settings.runtime.output_dir),
        overrides=[o for o in settings.overrides.task if not o.startswith(NOT_RECORDED)],
        progress="none" if config["progress"] == "none" else "lines",
        logging=_log_config(settings, console=config["progress"] == "lines"),
    )


def line_of(job: Job, result: Mapping[str, Any]) -> str:
    """What is said of a point that is done."""
    accuracy = result.get("metrics.final.val.accuracy") or result["metrics.final.train.accuracy"]
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
            return _trained(job)
    except PrunedError:
        raise
    except SnnError as error:
        log.error("%s", error)
        raise
    except Exception:
        log.exception("the run failed")
        raise


def _trained(job: Job) -> dict[str, Any]:
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
        receiver: can be read when it has ended.
    """

    job: Job
    process: BaseProcess
    receiver: Connection

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
            return left_behind(self.job, self.process.pid, self.process.exitcode)
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


def process_context() -> BaseContext:
    """How the processes of points are made.

    A server forks them, which has imported what a run needs and computed nothing
    (:mod:`snn.sweeps.server`): seconds less for each point, and no state of an earlier one. Where
    nothing can be forked each is a new interpreter.
    """
    method = "spawn" if sys.platform == "win32" else "forkserver"
    if multiprocessing.get_start_method() not in multiprocessing.get_all_start_methods():
        # A worker of joblib, whose own method a new process would not know.
        multiprocessing.set_start_method(method, force=True)
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload([SERVER])
    return context


def start_server() -> None:
    """Let the server begin with its imports; call it from the main thread, with which it ends."""
    if process_context().get_start_method() == "forkserver":
        from multiprocessing.forkserver import ensure_running

        ensure_running()


def left_behind(job: Job, pid: int | None, exitcode: int | None) -> dict[str, Any]:
    """What to make of a point whose process ended without a word: its result, if it left one.

    Args:
        job: what the process was told.
        pid: the process's.
        exitcode: likewise.

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
        if found.state in OPEN and not _closed_by(run, pid):
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


def _work(job: Job, sender: Connection) -> None:
    """All of the process."""
    _die_with_parent()
    logging.config.dictConfig({**job.logging, "disable_existing_loggers": False})
    quiet_libraries()
    try:
        with own_gpu(job.config):
            result = _trained(job)
        sender.send(("result", result))
    except BusyError as error:
        sender.send(("busy", str(error)))
    except PrunedError as stop:
        log.info("%s", stop)
        sender.send(("pruned", str(stop)))
    except SnnError as error:
        log.error("%s", error)
        sender.send(("failed", str(error)))
    except Exception as error:
        log.exception("the run failed")
        sender.send(("failed", f"{type(error).__name__}: {error}"))


def _die_with_parent() -> None:
    """Stop as SIGTERM does when the process that waits for this one is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
