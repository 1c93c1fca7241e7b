"""Runs found below a directory, as their records tell of them; damaged records are named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snn.config.identity import flatten, task_config
from snn.errors import RunError
from snn.files import read_json
from snn.runs.result import RESULT_VERSION
from snn.runs.state import ENDED_BY
from snn.runs.status import is_live

RUN_FILES = frozenset({"status.json", "result.json", "metrics.csv"})
# What lies inside a run or a summary, and never holds a run.
NOT_SEARCHED = frozenset({"checkpoints", "tensorboard", "summary"})
# What is measured of a process, and is a run's as long as it is alone there.
SHARED = frozenset(
    {
        *("fit_seconds", "epoch_seconds", "samples_per_second"),
        *("energy.training.joules", "energy.training.seconds"),
        *("peak_memory_mib.host", "peak_memory_mib.gpu"),
    }
)
STATES = ("completed", "running", "failed", "interrupted", "pruned")


@dataclass
class Run:
    """One run.

    Attributes:
        path: its directory.
        name: the directory relative to the one that is summarised.
        state: ``completed``, ``running``, ``failed``, ``interrupted`` (stopped by a signal, or the
            record says running but its process is gone), or ``pruned`` (stopped by a search).
        config: what decides its result: ``{dotted key: value}``.
        overrides: ``{key: text}`` of its command line.
        result: the flat entries of ``result.json``; empty unless completed. Times and energies
            that a run shares with others (``sweep.together``) stand at ``shared.<key>``: none of
            them is the run's own.
        status: ``status.json``; empty if there is none.
        stamp: when these were written, see :func:`stamp`.
    """

    path: Path
    name: str
    state: str
    config: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    stamp: tuple[int, ...] = ()

    @property
    def elsewhere(self) -> list[str]:
        """The override that says where configuration files of the user's own lie, if any do."""
        from snn.config.overrides import searched  # Hydra: not to read records alone

        return searched([str(word) for word in self.status.get("overrides") or []])

    @property
    def data(self) -> str:
        """Name of the data set, e.g. ``shd``."""
        target = str(self.config.get("data._target_", "unknown"))
        return str(self.result.get("data.data") or DATA_NAMES.get(target, target.split(".")[-1]))

    @property
    def error(self) -> str:
        """Type and first line of the error of a failed run; empty if there is none."""
        error = self.status.get("error")
        if not isinstance(error, Mapping):
            return ""
        lines = str(error.get("message", "")).strip().splitlines() or [""]
        return f"{error.get('type', 'error')}: {lines[0]}".rstrip(": ")


DATA_NAMES = {
    "snn.data.FashionMNIST": "fashion_mnist",
    "snn.data.SHD": "shd",
    "snn.data.TBL": "tbl",
    "snn.data.Randman": "randman",
}


@dataclass
class Records:
    """All runs below a directory, and ``{name: what is wrong}`` of the damaged records."""

    directory: Path
    runs: list[Run] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)

    def of_state(self, *states: str) -> list[Run]:
        return [run for run in self.runs if run.state in states]


def run_directories(directory: Path) -> Iterator[Path]:
    """Every folder at or below a directory that holds a file of a run, in a stable order."""
    for folder, subfolders, files in os.walk(directory):
        subfolders[:] = sorted(
            (s for s in subfolders if s not in NOT_SEARCHED and not s.startswith(".")), key=natural
        )
        if RUN_FILES.intersection(files):
            yield Path(folder)


def natural(name: str) -> tuple[int, int, str]:
    """Sort key that puts folder 10 behind folder 9."""
    return (0, int(name), "") if name.isdecimal() else (1, 0, name)


def read_records(directory: Path, earlier: Records | None = None) -> Records:
    """Read all records below a directory.

    Args:
        directory: searched at any depth.
        earlier: records of the same directory; its completed runs are not read again unless their
            status has changed since.

    Raises:
        RunError: there is no such directory.
    """
    known = {run.name: run for run in earlier.of_state("completed")} if earlier else {}
    if not directory.is_dir():
        raise RunError(f"{directory}: no such directory")
    records = Records(directory)
    for path in run_directories(directory):
        name = path.relative_to(directory).as_posix()
        name = path.name if name == "." else name
        try:
            run = known.get(name)
            unchanged = run is not None and run.stamp == stamp(path)
            records.runs.append(run if unchanged else read_run(path, name))
        except RunError as error:
            records.damaged[name] = str(error).removeprefix(f"{path}/")
    return records


def stamp(path: Path) -> tuple[int, ...]:
    """When a run's status and result were last written, in nanoseconds; 0 for a missing file."""
    times = []
    for name in ("status.json", "result.json"):
        try:
            times.append((path / name).stat().st_mtime_ns)
        except OSError:
            times.append(0)
    return tuple(times)


def read_run(path: Path, name: str) -> Run:
    """Read one run's record.

    Raises:
        RunError: the record is damaged or newer than this program.
    """
    before = stamp(path)
    status = _mapping(path / "status.json") if (path / "status.json").exists() else {}
    has_result = (path / "result.json").exists()
    if not status and not has_result:
        raise RunError(f"{path}/status.json: missing, and no result.json")
    state = status.get("state", "completed")
    if state not in STATES:
        raise RunError(f"{path}/status.json: unknown state {state!r}")
    if state == "running" and not is_live(path / "status.json", status):
        state = "interrupted"
    if state == "failed":
        state = str(ENDED_BY.get((status.get("error") or {}).get("type"), state))
    if state != "completed":
        config = _mapping(path / "config.json") if (path / "config.json").exists() else {}
        return Run(path, name, state, _task(config, path / "config.json"), status=status)
    result = _checked(path / "result.json")
    config = _task(result.pop("config"), path / "result.json")
    overrides = _overrides(result.pop("overrides", []))
    result = _with_shared(result)
    return Run(path, name, state, config, overrides, result, status, before)


def _with_shared(result: dict[str, Any]) -> dict[str, Any]:
    """The result, with what measures several runs at once under another name."""
    if not _is_number(together := result.get("together", 1)) or together <= 1:
        return result
    return {f"shared.{k}" if k in SHARED else k: value for k, value in result.items()}


def _mapping(path: Path) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise RunError(f"{path}: not a JSON object")
    return value


def _checked(path: Path) -> dict[str, Any]:
    result = _mapping(path)
    version = result.get("schema_version")
    if not isinstance(version, int) or version > RESULT_VERSION:
        raise RunError(f"{path}: schema_version {version!r}, known up to {RESULT_VERSION}")
    if not isinstance(result.get("config"), dict):
        raise RunError(f"{path}: config is missing")
    for key, value in result.items():
        measured = key.startswith("metrics.") or key.endswith("_seconds")
        if measured and value is not None and (isinstance(value, bool) or not _is_number(value)):
            raise RunError(f"{path}: {key}={value!r} is not a number")
    return result


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _task(config: dict[str, Any], path: Path) -> dict[str, Any]:
    try:
        return dict(flatten(task_config(config)))
    except (AttributeError, TypeError) as error:  # a group that is not a mapping
        raise RunError(f"{path}: the configuration has an unknown shape ({error})") from None


def _overrides(overrides: object) -> dict[str, str]:
    if not isinstance(overrides, list):
        return {}
    pairs = (str(override).partition("=") for override in overrides)
    return {k.lstrip("+~"): value for k, _, value in pairs if not k.startswith("hydra.")}
