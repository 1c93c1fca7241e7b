"""Who is started how often, with launchers that stop, lose races and fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from snn.errors import RunError
from snn.runs import RunDirectory, write_json
from snn.runs.result import RESULT_VERSION
from snn.runs.state import State
from snn.runs.status import new_status
from snn.sweeps.hydra import redo_points
from snn.sweeps.launch import PointStopped
from snn.sweeps.points import Point
from snn.sweeps.sweeper import Launch, Sweep


def complete(point: Point) -> None:
    """Let a point's directory hold a completed run."""
    write_json(point.run.status, new_status({"state": "completed"}))
    write_json(point.run.result, {"schema_version": RESULT_VERSION, "config": point.config})


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Sweep]:
    """Makes a sweep of some points with another launcher."""

    def made(launch: Launch, number: int, jobs: int | None) -> Sweep:
        points = [
            Point((f"seed={seed}",), {"seed": seed}, RunDirectory(tmp_path / f"seed{seed}"))
            for seed in range(number)
        ]
        return Sweep(points, tmp_path, launch, jobs=jobs)

    return made


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_point_that_stops_the_launcher_stops_no_other(make, jobs: int) -> None:
    calls = []

    def launch(points: Sequence[Point]) -> list[None]:
        calls.append([point.name for point in points])
        for point in points:
            if point.name == "seed1":
                raise RuntimeError("a worker died")
            complete(point)
        return [None] * len(points)

    sweep = make(launch, 4, jobs)
    found = sweep.run()
    assert [f.state for f in found.values()] == [
        State.COMPLETED, State.NEW, State.COMPLETED, State.COMPLETED
    ]  # fmt: skip
    ((failed, reason),) = sweep.failures(found).items()
    assert (failed.name, reason.reason) == ("seed1", "RuntimeError: a worker died")
    assert sum("seed1" in call for call in calls) == 2
    assert all(len(call) == 1 for call in calls[1:])


def test_elsewhere_points_stay_together(make) -> None:
    calls = []

    def launch(points: Sequence[Point]) -> list[None]:
        calls.append(len(points))
        if len(calls) == 1:
            raise RuntimeError("no connection to the queue")
        for point in points:
            complete(point)
        return [None] * len(points)

    assert {f.state for f in make(launch, 3, None).run().values()} == {State.COMPLETED}
    assert calls == [3, 3]


def test_what_fails_before_its_record_is_listed_with_its_reason(make) -> None:
    errors = {"seed1": PointStopped("no room\nat all"), "seed2": ValueError("wrong")}

    def launch(points: Sequence[Point]) -> list[Exception | None]:
        for point in points:
            if point.name not in errors:
                complete(point)
        return [errors.get(point.name) for point in points]

    sweep = make(launch, 3, 4)
    listed = sweep.failures(sweep.run())
    assert {p.name: f.reason for p, f in listed.items()} == {
        "seed1": "no room",
        "seed2": "ValueError: wrong",
    }


def test_a_lost_race_costs_no_start(make, monkeypatch) -> None:
    monkeypatch.setattr("snn.sweeps.sweeper.LOOK_SECONDS", 0.01)
    calls = []

    def launch(points: Sequence[Point]) -> list[Exception | None]:
        calls.append([point.name for point in points])
        if points[0].name == "seed0" and sum("seed0" in call for call in calls) <= 5:
            stop = PointStopped("taken")
            stop.busy = True
            return [stop]
        complete(points[0])
        return [None]

    sweep = make(launch, 3, 1)
    assert not sweep.failures(sweep.run())
    assert calls[:4] == [["seed0"], ["seed1"], ["seed2"], ["seed0"]]  # the others do not wait
    assert len(calls) == 8


def complete_all(points: Sequence[Point]) -> list[None]:
    for point in points:
        complete(point)
    return [None] * len(points)


@pytest.mark.parametrize("lost", ["completed", "running"])
def test_a_last_record_that_cannot_be_written_hides_no_other(
    make, monkeypatch, caplog: pytest.LogCaptureFixture, lost: str
) -> None:
    def full(path: Path, value: dict[str, Any]) -> None:
        if value["state"] == lost:
            raise RunError(f"{path}: cannot be written (No space left on device)")

    monkeypatch.setattr("snn.runs.status.write_json", full)
    sweep = make(complete_all, 2, 4)
    if lost == "running":  # the first one: nothing is started without it
        with pytest.raises(RunError, match="No space left"):
            sweep.run()
        assert {f.state for f in sweep.look().values()} == {State.NEW}
        return
    assert {f.state for f in sweep.run().values()} == {State.COMPLETED}
    assert "No space left" in caplog.text


def test_one_directory_that_cannot_be_moved_aside_keeps_no_other(make, tmp_path: Path) -> None:
    sweep = make(complete_all, 3, 4)
    found = sweep.run()
    busy = sweep.points[1]
    with busy.run.owned():
        kept = redo_points("all", found, tmp_path)
    assert list(kept) == [busy]
    assert "another process is training" in kept[busy].reason
    assert [f.state for f in sweep.look().values()] == [State.NEW, State.COMPLETED, State.NEW]


DAMAGE = [
    ("config.json", []),
    ("config.json", None),
    ("config.json", {"data": "x"}),
    ("config.json", {"callbacks": ["x"]}),
    ("status.json", "completed"),
    ("status.json", {"schema_version": 1, "state": "failed", "error": "out of memory"}),
    ("status.json", {"schema_version": None, "state": "failed"}),
    ("result.json", []),
    ("result.json", {"schema_version": 1, "config": "x"}),
    ("result.json", {"schema_version": 1, "config": {"model": 1}}),
]


def test_records_of_a_wrong_shape_are_refused_and_stop_no_other(make) -> None:
    sweep = make(complete_all, len(DAMAGE) + 1, 4)
    for point, (name, content) in zip(sweep.points, DAMAGE, strict=False):
        point.run.path.mkdir()
        complete(point)
        (point.run.path / name).write_text(json.dumps(content))
    found = sweep.run()
    for (name, content), f in zip(DAMAGE, found.values(), strict=False):
        assert (f.state, name in f.reason) == (State.REFUSED, True), (name, content, f)
    assert list(found.values())[-1].state is State.COMPLETED
    for point, (name, content) in zip(sweep.points, DAMAGE, strict=False):
        assert json.loads((point.run.path / name).read_text()) == content
