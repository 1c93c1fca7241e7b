"""``sweep.json``: the points that a sweep was last asked for. ``sweep_status.json``: its driver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from snn.errors import RunError
from snn.files import read_json, write_json
from snn.runs.status import is_live

PLAN_VERSION = 1
PLAN, DRIVER = "sweep.json", "sweep_status.json"


def write_plan(
    directory: Path,
    points: Iterable[tuple[str, Iterable[str]]],
    command: Iterable[str],
    total: int | None = None,
) -> None:
    """Write the plan.

    Args:
        directory: the sweep's.
        points: ``(name of the run's directory, its overrides)``.
        command: the command line behind it.
        total: how many points there will be, if not all are known yet.

    Raises:
        RunError: it cannot be written.
    """
    plan = {
        "schema_version": PLAN_VERSION,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "points": {name: list(overrides) for name, overrides in points},
        **({} if total is None else {"total": total}),
    }
    write_json(directory / PLAN, plan)


def planned_points(directory: Path) -> Mapping[str, list[str]] | None:
    """``{name: overrides}`` of the plan in a directory; None if there is none that can be read."""
    return _plan(directory).get("points")


def planned_total(directory: Path) -> int | None:
    """How many points there are, or will be; None if no plan can be read."""
    plan = _plan(directory)
    total, points = plan.get("total"), plan.get("points")
    return max(total if isinstance(total, int) else 0, len(points)) if plan else None


def _plan(directory: Path) -> dict[str, Any]:
    try:
        plan = read_json(directory / PLAN)
    except RunError:
        return {}
    usable = isinstance(plan.get("points"), dict) and plan.get("schema_version", 0) <= PLAN_VERSION
    return plan if usable else {}


def sweep_of(run_dir: Path) -> str | None:
    """Name of the sweep that a run is a point of, if it is one."""
    directory = run_dir.resolve().parent
    return directory.name if (directory / PLAN).exists() else None


def is_driven(directory: Path) -> bool:
    """Whether a process is at work that starts points of the sweep in this directory."""
    path = directory / DRIVER
    try:
        status: Any = read_json(path)
    except RunError:
        return False
    return isinstance(status, dict) and status.get("state") == "running" and is_live(path, status)
