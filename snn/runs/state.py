"""What a directory holds of a run that is wanted there, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from snn.config.identity import config_hash, differences
from snn.errors import PrunedError, RunError
from snn.files import read_json
from snn.runs.directory import RunDirectory, checked_sections
from snn.runs.result import RESULT_VERSION
from snn.runs.status import STATUS_VERSION, Interrupted, is_live


class State(StrEnum):
    """How far a run is."""

    NEW = "new"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    PRUNED = "pruned"
    """Stopped early by a search; whoever wants it whole goes on from its last checkpoint."""
    UNTESTED = "untested"
    """Completed with ``test=false``, and wanted with its test part."""
    COMPLETED = "completed"
    REFUSED = "refused"
    """The directory holds something that must not be touched: another run's record, one of a
    newer version, a damaged one."""


# States by the error in a record, if not that of a failure.
ENDED_BY = {Interrupted.__name__: State.INTERRUPTED, PrunedError.__name__: State.PRUNED}


@dataclass(frozen=True)
class Found:
    """What was found in a run's directory.

    Attributes:
        state: how far the run is.
        reason: of a refusal; or type and first line of the error that ended the run.
        result: the record of a completed or untested run.
        where: ``host:pid`` of a running one.
    """

    state: State
    reason: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""


def look(run: RunDirectory, config: Mapping[str, Any]) -> Found:
    """How far a run is in its directory; changes nothing.

    Args:
        run: the directory; need not exist.
        config: resolved configuration of the run that is wanted there.
    """
    try:
        if not run.status.exists():
            if run.result.exists():
                raise RunError(f"{run.result} has no status.json beside it")
            return Found(State.NEW)
        status = read_json(run.status)
        refuse_newer(run.status, status, STATUS_VERSION)
        if run.config.exists():
            _refuse_other(run, checked_sections(run.config, read_json(run.config)), config)
        if status.get("state") == "completed":
            return _completed(run, config)
        error = status.get("error") or {}
        if not isinstance(error, Mapping):
            raise RunError(f"{run.status}: damaged (error is {error!r:.50})")
    except RunError as refusal:
        return Found(State.REFUSED, str(refusal))
    if status.get("state") == "running":
        if is_live(run.status, status):
            where = f"{status.get('host', '?')}:{status.get('pid', '?')}"
            return Found(State.RUNNING, where=where)
        return Found(State.INTERRUPTED, "its process is gone")
    kind = error.get("type", "unknown error")
    lines = str(error.get("message", "")).strip().splitlines() or [""]
    reason = f"{kind}: {lines[0]}".rstrip(": ")
    return Found(ENDED_BY.get(kind, State.FAILED), reason)


def _completed(run: RunDirectory, config: Mapping[str, Any]) -> Found:
    result = _result(run, config)
    was_tested = result.get("config", {}).get("test", True)
    if was_tested or not config.get("test", True):
        return Found(State.COMPLETED, result=result)
    if not run.last.exists():
        raise RunError(
            f"{run.path} was completed with test=false and has no {run.last.name} to test"
        )
    return Found(State.UNTESTED, "completed with test=false", result)


def _result(run: RunDirectory, config: Mapping[str, Any]) -> dict[str, Any]:
    result = read_json(run.result)
    refuse_newer(run.result, result, RESULT_VERSION)
    old = checked_sections(run.result, result.get("config", {}))
    if result.get("config_hash") != config_hash(config):
        _refuse_other(run, old, config)
    return result


def refuse_newer(path: Any, record: Mapping[str, Any], known: int) -> None:
    """Refuse a record that says more than this program understands.

    Raises:
        RunError: it is of a newer version, or no record.
    """
    version = record.get("schema_version") if isinstance(record, Mapping) else None
    if not isinstance(version, int):
        raise RunError(f"{path}: schema_version {version!r}; not the record of a run")
    if version > known:
        raise RunError(
            f"{path}: schema_version {version} was written by a newer version of this program, "
            f"which knows up to {known}"
        )


def _refuse_other(run: RunDirectory, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    changed = differences(old, new)
    if changed:
        listed = ", ".join(f"{key}: {a!r} -> {b!r}" for key, (a, b) in changed.items())
        raise RunError(f"{run.path} holds a run with another configuration ({listed})")
