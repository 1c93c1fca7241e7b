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
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from snn.errors import BusyError, PrunedError, RunError, SnnError
from snn.runs import RunDirectory, config_hash, read_json, write_json
from snn.runs.run import train_or_go_on
from snn.runs.state import State, look
from snn.runs.status import new_status, now
from snn.sweeps.launchers import has_own_process, threads_of_job
from snn.sweeps.pace import done_line
from snn.sweeps.search.pruning import judge_of
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
    launcher = OmegaConf.to_container(settings.launcher)
    config = dict(config)
    config["threads"] = config["threads"] or threads_of_job(launcher)
    job = Job(
        config=config,
        path=Path(settings.runtime.output_dir),
        overrides=[o for o in settings.overrides.task if not o.startswith(NOT_RECORDED)],
        progress="none" if config["progress"] == "none" else "lines",
        logging=_log_config(settings, console=config["progress"] == "lines"),
    )
    try:
        if has_own_process(launcher):
            return _run_here(job)
        result = run_apart(job)
    except PrunedError as stop:
        log.info("%s: %s", job.path.name, stop)
        return {}
    accuracy = result.get("metrics.final.val.accuracy") or result["metrics.final.train.accuracy"]
    log.info("%s", done_line(job.path, accuracy, result["fit_seconds"]))
    return result


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
    run, judge = RunDirectory(job.path), judge_of(job.config, job.path)
    config = {**job.config, "search": None} if job.config.get("search") else dict(job.config)
    return train_or_go_on(config, run, job.overrides, job.progress, judge)


class PointError(SnnError):
    """A point that failed; its process has said so in the point's own log."""


def run_apart(job: Job) -> dict[str, Any]:
    """Train a point in a new process; returns its result.

    Raises:
        BusyError: another process trains it.
        PointError: it failed.
        PrunedError: a search stopped it.
        RunError: its process was killed; the record says so.
    """
    # A server forks the processes, which has loaded torch once and computed nothing: seconds less
    # for each point, and no state of an earlier one.
    method = "spawn" if sys.platform == "win32" else "forkserver"
    if multiprocessing.get_start_method() not in multiprocessing.get_all_start_methods():
        # A worker of joblib, whose own method a new process would not know.
        multiprocessing.set_start_method(method, force=True)
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload([__name__])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(job, sender))
    process.start()
    sender.close()
    try:
        kind, content = receiver.recv()
    except EOFError:
        process.join()
        return left_behind(job, process.pid, process.exitcode)
    except BaseException:
        process.terminate()
        process.join()
        raise
    process.join()
    if kind == "result":
        return content
    raise {"busy": BusyError, "failed": PointError, "pruned": PrunedError}[kind](content)


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
