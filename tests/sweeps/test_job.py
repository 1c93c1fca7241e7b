"""What is made of a point whose process ended without a word."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from snn.errors import RunError
from snn.runs import RunDirectory, read_json, write_json
from snn.runs.result import RESULT_VERSION
from snn.runs.status import new_status
from snn.sweeps.job import Job, left_behind

PID = 2**22 + 1  # of no process


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job({"seed": 1, "trainer": {}}, tmp_path, [], "none", {})


def record(job: Job, **facts: object) -> dict:
    write_json(job.path / "status.json", new_status(facts))
    return read_json(job.path / "status.json")


def killed(job: Job) -> None:
    with pytest.raises(RunError, match="was killed: SIGKILL"):
        left_behind(job, PID, -signal.SIGKILL)


def test_a_result_that_was_written_before_the_end_stands(job: Job) -> None:
    before = record(job, pid=PID, state="completed")
    result = {"schema_version": RESULT_VERSION, "config": dict(job.config), "seed": 1}
    write_json(RunDirectory(job.path).result, result)
    assert left_behind(job, PID, -signal.SIGKILL) == result
    assert read_json(job.path / "status.json") == before


def test_what_the_process_said_of_itself_stands(job: Job) -> None:
    before = record(job, pid=PID, state="failed", error={"type": "Interrupted", "message": "x"})
    killed(job)
    assert read_json(job.path / "status.json") == before


def test_a_record_that_must_not_be_touched_is_not(job: Job) -> None:
    before = record(job, schema_version=99)
    killed(job)
    assert read_json(job.path / "status.json") == before


@pytest.mark.parametrize(
    "facts",
    [
        None,
        {"pid": PID, "state": "running"},
        {"pid": PID + 1, "state": "failed", "error": {"type": "OSError", "message": "earlier"}},
    ],
)
def test_all_else_is_recorded_as_the_death_of_the_process(job: Job, facts: dict | None) -> None:
    if facts is not None:
        record(job, **facts)
    killed(job)
    status = read_json(job.path / "status.json")
    assert (status["state"], status["error"]["type"]) == ("failed", "ProcessDied")
