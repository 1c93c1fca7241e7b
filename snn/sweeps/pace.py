"""A line for each point of a sweep that is done: how many of all, time left, what it reached."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from snn.errors import RunError
from snn.files import read_json
from snn.runs.sweep_plan import DRIVER, planned_points, planned_total
from snn.runs.swept import swept_values, word

BEFORE = len("12:34:56 INFO ")  # what the log puts in front


def brief(seconds: float) -> str:
    """``40s``, ``14m`` or ``3h20m``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{round(seconds)}s"
    return f"{minutes}m" if minutes < 90 else f"{minutes // 60}h{minutes % 60:02}m"


def done_line(run: Path, accuracy: float, seconds: float) -> str:
    """The line of a point that has just been completed.

    Args:
        run: its directory, in that of the sweep.
        accuracy: what it reached.
        seconds: how long it trained.
    """
    reached = f"{accuracy:.2%}  {brief(seconds)}"
    points = planned_points(run.parent)
    if points is None or run.name not in points:
        return f"{run.name}: {reached}"
    ends = [end for name in points if (end := _end(run.parent / name)) is not None]
    total = planned_total(run.parent) or len(points)
    parts = [f"{len(ends)} of {total}"]
    begin = _begin(run.parent)
    since = sum(1 for end in ends if begin is not None and end >= begin)
    if since and len(ends) < total:
        left = (time.time() - begin) / since * (total - len(ends))
        parts.append(f"{brief(left)} left")
    swept = swept_values(points, run.name)
    named = " ".join(word(key, value) for key, value in swept.items()) or run.name
    return _cropped("  ".join([*parts, reached, named]))


def _end(run: Path) -> float | None:
    """When a run was completed, in seconds of the system's clock."""
    with suppress(OSError):
        return os.stat(run / "result.json").st_mtime
    return None


def _begin(directory: Path) -> float | None:
    """When the command that drives the sweep was started."""
    with suppress(RunError, KeyError, TypeError, ValueError):
        return datetime.fromisoformat(read_json(directory / DRIVER)["start"]).timestamp()
    return None


def _cropped(text: str) -> str:
    """As much as one line of a terminal holds; a file holds everything."""
    room = shutil.get_terminal_size().columns - BEFORE
    if not sys.stdout.isatty() or len(text) <= room or room < 20:
        return text
    return f"{text[: room - 1]}…"
