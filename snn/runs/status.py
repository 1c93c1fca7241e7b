"""``status.json``: whether a run is running, completed or failed, and why."""

from __future__ import annotations

import os
import signal
import socket
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from snn.errors import SnnError
from snn.runs.files import write_json

STATUS_VERSION = 1
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(BaseException):
    """A signal asked the run to stop. Not an Exception: nobody may take it for a failed step."""

    def __init__(self, signum: int) -> None:
        self.signum = signum
        super().__init__(f"interrupted by {signal.Signals(signum).name}")


def _raise(signum: int, frame: FrameType | None) -> None:
    raise Interrupted(signum)


@contextmanager
def _raising_signals() -> Iterator[None]:
    """Turn termination into an exception, so that the record is closed on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    previous = {s: signal.signal(s, _raise) for s in SIGNALS}
    try:
        yield
    finally:
        for s, handler in previous.items():
            signal.signal(s, handler)


def now() -> str:
    """UTC time, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def recorded(path: Path, facts: Mapping[str, Any]) -> Iterator[None]:
    """Keep ``status.json`` true while a run lasts.

    Writes ``running`` on entry; ``completed`` or ``failed`` (with the error and its traceback) on
    exit, also when the run is stopped by SIGTERM or SIGINT, which it meets as :class:`Interrupted`.

    Args:
        path: the file.
        facts: more that the file should say, e.g. the configuration's hash.
    """
    status = {
        "schema_version": STATUS_VERSION,
        "state": "running",
        "start": now(),
        "end": None,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "error": None,
        **facts,
    }
    write_json(path, status)
    try:
        with _raising_signals():
            yield
    except BaseException as error:
        status["state"] = "failed"
        status["error"] = {
            "type": type(error).__name__,
            "message": str(error),
            "traceback": "".join(traceback.format_exception(error)),
        }
        raise
    else:
        status["state"] = "completed"
    finally:
        status["end"] = now()
        try:
            write_json(path, status)
        except SnnError:
            # The first error says why; a second one about the record must not hide it.
            if status["error"] is None:
                raise
