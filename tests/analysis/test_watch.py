"""Progress of a sweep, watched without a terminal."""

from __future__ import annotations

import io
import json
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from snn.analysis import watch as watching
from snn.analysis.progress import duration, planned_names, progress
from snn.analysis.records import read_records
from snn.analysis.watch import watch
from snn.runs import recorded, write_json
from snn.runs.sweep_plan import write_plan
from tests.analysis.synthetic import write_grid, write_run

HIDDEN = "model.nb_hidden"


def start_run(directory: Path, seconds_ago: float) -> None:
    directory.mkdir(parents=True)
    start = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    status = {"state": "running", "host": socket.gethostname(), "pid": os.getpid(), "error": None}
    write_json(directory / "status.json", status | {"start": start.isoformat(), "end": None})


def plan(directory: Path, *names: str) -> None:
    write_plan(directory, ((name, [f"seed={name}"]) for name in names), ["train.py"])


def test_counts_and_time_left(tmp_path: Path) -> None:
    write_grid(tmp_path, {HIDDEN: [20, 40]}, lambda p: {"val": p[HIDDEN] / 100})
    write_run(tmp_path / "2", {HIDDEN: 60}, error="no")
    start_run(tmp_path / "3", seconds_ago=4)
    start_run(tmp_path / "4", seconds_ago=100)
    now = progress(read_records(tmp_path), None, planned=9)
    assert (now.done, now.running, now.failed, now.left, now.is_over) == (2, 2, 1, 4, False)
    # Runs take 10 s, two at a time: 4 to begin, one with 6 s to go, one overdue.
    assert now.seconds_left == pytest.approx((4 * 10 + 6) / 2, abs=0.5)
    assert "best: validation accuracy 40.00 % by run 1 (nb_hidden=40)" in now.line()


def test_without_a_total_nothing_is_left_to_say(tmp_path: Path) -> None:
    write_run(tmp_path / "0", {})
    now = progress(read_records(tmp_path), None, planned=None)
    assert (now.left, now.seconds_left, now.is_over) == (None, None, False)
    assert "left" not in now.line()


def test_the_plan_tells_what_is_to_come(tmp_path: Path) -> None:
    assert planned_names(tmp_path) is None
    plan(tmp_path, "0", "1")
    write_run(tmp_path / "1", {})
    write_run(tmp_path / "7", {})  # of an earlier command
    planned = planned_names(tmp_path)
    assert planned == {"0", "1"}
    assert progress(read_records(tmp_path), None, planned).total == 3
    (tmp_path / "tbl").mkdir()
    plan(tmp_path / "tbl", "5")
    assert planned_names(tmp_path) == {"0", "1", "tbl/5"}
    (tmp_path / "sweep.json").write_text("{")
    assert planned_names(tmp_path) == {"tbl/5"}


def test_a_sweep_that_was_stopped_is_not_waited_for(tmp_path: Path) -> None:
    plan(tmp_path, "0", "1")
    write_run(tmp_path / "0", {})
    waited, output = [], io.StringIO()
    watch(tmp_path, Console(file=output), sleep=waited.append)
    assert sum(waited) == pytest.approx(watching.IDLE_SECONDS, abs=6)
    assert "stopped with 1 points left" in output.getvalue()


def test_a_sweep_at_work_is_waited_for(tmp_path: Path) -> None:
    plan(tmp_path, "0", "1")
    write_run(tmp_path / "0", {})
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if sum(waited) > 3 * watching.IDLE_SECONDS:
            write_run(tmp_path / "1", {})

    with recorded(tmp_path / "sweep_status.json", {}):
        watch(tmp_path, Console(file=io.StringIO()), sleep=sleep)
    assert sum(waited) > 3 * watching.IDLE_SECONDS


def test_one_line_per_change_until_all_is_done(tmp_path: Path) -> None:
    plan(tmp_path, "0", "1", "2")
    events = [
        lambda: None,
        lambda: start_run(tmp_path / "0", 1),
        lambda: None,
        lambda: write_run(tmp_path / "0", {HIDDEN: 20}),
        lambda: write_run(tmp_path / "1", {HIDDEN: 40}, error="exploded"),
        lambda: write_run(tmp_path / "2", {HIDDEN: 60}),
    ]
    output = io.StringIO()
    now = watch(tmp_path, Console(file=output), sleep=lambda _: events.pop(0)())
    assert not events
    lines = output.getvalue().splitlines()
    assert lines[0] == "0 done, 0 running, 0 failed, 3 left of 3"
    assert lines[1] == "0 done, 1 running, 0 failed, 2 left of 3"
    assert lines[-2].startswith("2 done, 0 running, 1 failed, 0 left of 3; best: validation")
    assert lines[-1] == "failed: 1  Broken: exploded"
    assert len(lines) == 6
    assert now.is_over


def test_without_a_total_it_ends_when_nothing_has_run_for_a_while(tmp_path: Path) -> None:
    write_run(tmp_path / "0", {})
    waited = []
    watch(tmp_path, Console(file=io.StringIO()), sleep=waited.append)
    assert sum(waited) == pytest.approx(watching.IDLE_SECONDS, abs=6)


def test_a_run_that_goes_on_is_read_again(tmp_path: Path) -> None:
    path = write_run(tmp_path / "0", {}, val=0.5)
    first = read_records(tmp_path)
    assert read_records(tmp_path, first).runs[0] is first.runs[0]
    result = json.loads((path / "result.json").read_text())
    result["metrics.best.val.accuracy"] = 0.75
    write_json(path / "result.json", result)
    again = read_records(tmp_path, first)
    assert again.runs[0].result["metrics.best.val.accuracy"] == 0.75


def test_in_a_terminal(tmp_path: Path) -> None:
    write_run(tmp_path / "0", {})
    write_run(tmp_path / "1", {"seed": 2}, error="[red]no")
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100)
    watch(tmp_path, console, total=2)
    assert "1 done, 0 running, 1 failed" in output.getvalue()
    assert "[red]no" in output.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.4, "12 s"), (200, "3 min 20 s"), (3900, "1 h 05 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
