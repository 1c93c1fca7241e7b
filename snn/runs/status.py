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

    def note_and_raise(signum: int, frame: FrameType | None) -> None:
        received.append(signum)
        raise Interrupted(signum)

    previous = {s: signal.signal(s, note_and_raise) for s in SIGNALS}
    try:
        yield received
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
    with _raising_signals() as received:
        try:
            yield
            status["state"] = "completed"
        except BaseException as error:
            status["state"] = "failed"
            status["error"] = {
                "type": type(error).__name__,
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
