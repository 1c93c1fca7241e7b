"""Processes that were started earlier, perhaps by another process, known by id and start time."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; whether it came to that in time."""
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return met


def die_with_parent() -> None:
    """Be sent SIGTERM when the parent is gone, see prctl(2)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _stat(pid: int) -> list[str]:
    """Fields of ``/proc/<pid>/stat`` from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def start_time(pid: int) -> str:
    return _stat(pid)[19]  # field 22 of proc(5): distinguishes a process from one of the same pid


def is_gone(pid: int, started: str) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return _stat(pid)[0] == "Z" or start_time(pid) != started
    except OSError:
        return True


def end(pid: int, started: str) -> None:
    for signum in (signal.SIGTERM, signal.SIGKILL):
        if is_gone(pid, started):
            return
        os.kill(pid, signum)
        wait_for(lambda: is_gone(pid, started), 10)
