"""``status.json``: whether a run is running, completed or failed, and why."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from snn.errors import SnnError
from snn.files import write_json

STATUS_VERSION = 1
# A running record's file is touched this often; another machine takes it for dead after so long.
HEARTBEAT_SECONDS = 15.0
STALE_SECONDS = 120.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(BaseException):
    """A signal asked the run to stop. Not an Exception: nobody may take it for a failed step.

    Attributes:
        signum: the signal.
        run: directory of the run that was stopped.
        sweep: directory of the sweep.
    """

    def __init__(self, signum: int) -> None:
        self.signum = signum
        self.run: Path | None = None
        self.sweep: Path | None = None
        super().__init__(f"interrupted by {signal.Signals(signum).name}")


@contextmanager
def _raising_signals() -> Iterator[list[int]]:
    """Turn termination into an exception, so that the record is closed on the way out.

    Yields:
        The signals received so far: an exception may be lost or replaced on its way, this is not.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may set handlers
        return

    def note_and_raise(signum: int) -> None:
        # A terminal sends SIGINT to a sweep and its points, and the sweep then SIGTERM to them: the
        # second must not disturb what the first began. The same signal again is impatience.
        heard = bool(received) and signum not in received
        received.append(signum)
        if not heard:
            raise Interrupted(signum)

    with handled_signals(note_and_raise):
        yield received


@contextmanager
def handled_signals(handle: Callable[[int], None]) -> Iterator[None]:
    """Let a function of the main thread hear of signals that ask to stop, while the context lasts.

    Whoever has set a handler means it: under Slurm, SIGTERM is a warning, and a job that ends
    before it is pre-empted is not requeued; submitit therefore stays.
    """

    def on_signal(signum: int, frame: FrameType | None) -> None:
        handle(signum)

    previous = {s: signal.getsignal(s) for s in SIGNALS}
    for s, handler in previous.items():
        if not callable(handler) or handler is signal.default_int_handler:
            signal.signal(s, on_signal)
    try:
        yield
    finally:
        for s, handler in previous.items():
            signal.signal(s, handler)


def _ignore_signals() -> None:
    if threading.current_thread() is threading.main_thread():
        for s in SIGNALS:
            signal.signal(s, signal.SIG_IGN)


def now() -> str:
    """UTC time, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def is_live(path: Path, status: Mapping[str, Any]) -> bool:
    """Whether the process behind a running record still works on it.

    On the record's own machine the process itself is asked, known by its id and start time; from
    another one only the heartbeat can be seen.

    Args:
        path: the record's file.
        status: what stands in it.
    """
    pid = status.get("pid")
    if status.get("host") == socket.gethostname() and isinstance(pid, int) and pid > 0:
        try:
            started = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            return True  # it exists, but belongs to somebody else
        known = status.get("process_start")
        return not isinstance(known, int | float) or abs(started - known) < 1.0
    try:
        return time.time() - path.stat().st_mtime < STALE_SECONDS
    except OSError:
        return False


@contextmanager
def _heartbeat(path: Path) -> Iterator[None]:
    """Touch a file every now and then, from a thread of its own."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            with suppress(OSError):  # a folder out of reach for a moment must not stop a run
                os.utime(path)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def new_status(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The record of something that this process begins now."""
    return {
        "schema_version": STATUS_VERSION,
        "state": "running",
        "start": now(),
        "end": None,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "process_start": psutil.Process().create_time(),
        "error": None,
        **facts,
    }


@contextmanager
def recorded(path: Path, facts: Mapping[str, Any]) -> Iterator[None]:
    """Keep ``status.json`` true while a run lasts.

    Writes ``running`` on entry; ``completed`` or ``failed`` (with the error and its traceback) on
    exit, also when the run is stopped by SIGTERM or SIGINT, which it meets as :class:`Interrupted`.

    Args:
        path: the file.
        facts: more that the file should say, e.g. the configuration's hash.
    """
    status = new_status(facts)
    with _raising_signals() as received:
        try:
            write_json(path, status)
            with _heartbeat(path):
                yield
            status["state"] = "completed"
        except BaseException as error:
            status["state"] = "failed"
            # Whoever leaves in the midst comes back: submitit does so when it requeues a job.
            kind = Interrupted if isinstance(error, SystemExit) else type(error)
            status["error"] = {
                "type": kind.__name__,
                "message": str(error),
                "traceback": "".join(traceback.format_exception(error)),
            }
            if received and not isinstance(error, Interrupted):
                stop = Interrupted(received[0])
                status["error"] |= {"type": "Interrupted", "message": str(stop)}
                raise stop from error
            raise
        finally:
            _ignore_signals()  # the last word must be written whole
            status["end"] = now()
            try:
                write_json(path, status)
            except SnnError:
                # The first error says why; a second one about the record must not hide it.
                if status["error"] is None:
                    raise
