"""The benchmarks run, and count what they say they count; no test looks at a time."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import epoch_parts, tables
from benchmarks.floor import floor
from benchmarks.search import reached_table
from benchmarks.workloads import WORKLOADS, Problem
from tests.commands import ROOT, SMALL
from tests.requirements import needs

built = needs("cpu")
TINY = {
    name: replace(workload, batch=3, steps=12, inputs=8, hidden=9, events=workload.events and 20)
    for name, workload in WORKLOADS.items()
}


def cells(lines: list[str]) -> list[list[str]]:
    """Cells of all rows of a table."""
    rows = [line for line in lines if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@built
@pytest.mark.parametrize("name", TINY)
def test_a_table_of_one_size_has_all_contenders_and_a_floor(name: str) -> None:
    names = ["spytorch", "spytorch_unbind", "torch_rnn", "einsum", "cpu", "cpu_fused"]
    head, *rows = cells(list(tables.step(TINY[name], names, 1)))
    assert head[2] == "spytorch / this"
    assert [row[0].partition(":")[0] for row in rows] == [*names, "floor"]


@built
def test_a_table_of_sizes_has_a_row_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.set_num_threads", lambda n: None)
    lines = list(tables.sizes(TINY["fmnist"], ["einsum", "cpu_fused"], 1, [5, 9], [4, 8], [1]))
    head, *rows = cells(lines)
    assert head[:3] == ["hidden", "steps", "threads"]
    assert [row[:2] for row in rows] == [["5", "4"], ["5", "8"], ["9", "4"], ["9", "8"]]


@built
def test_linearity_is_shown_in_steps_and_in_events() -> None:
    lines = "\n".join(tables.linear(TINY["shd"], "cpu_fused", 1))
    assert re.findall(r"^\*\*shd\*\*, cpu_fused: ([\w ]+);", lines, re.M) == [
        "steps",
        "events per sample",
    ]
    assert [row[0] for row in cells(lines.splitlines())][1:6] == ["3", "6", "12", "24", "48"]
    assert "events" not in "\n".join(tables.linear(TINY["tbl"], "cpu_fused", 1))


@pytest.mark.parametrize("name", TINY)
def test_a_saved_problem_is_the_same(name: str, tmp_path: Path) -> None:
    problem = Problem.draw(TINY[name])
    problem.save(tmp_path)
    again = Problem.load(TINY[name], tmp_path)
    assert torch.equal(again.labels, problem.labels)
    network = problem.network("auto")
    assert torch.equal(network(again.x).logits, network(problem.x).logits)


@built
@pytest.mark.long
def test_memory_is_that_of_a_process() -> None:
    head, row = cells(list(tables.memory([TINY["tbl"]], ["cpu_fused"], 1)))
    assert (head, row[0]) == (["", "tbl"], "cpu_fused")
    assert 100 < int(row[1]) < 4000


@pytest.mark.parametrize("name", TINY)
def test_the_floor_grows_with_the_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.floor._best", lambda work: 1e-6)
    small, large = TINY[name], replace(TINY[name], hidden=90)
    floors = [floor(Problem.draw(w)) for w in (small, large)]
    # at the same rate of the clock a rate is the size of what is measured
    work = [(f.product * f.gflops, f.traffic * f.gigabytes) for f in floors]
    assert all(b > 5 * a > 0 for a, b in zip(*work, strict=True))


def test_time_belongs_to_the_innermost_part(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 1000, 10))
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    clock = epoch_parts.Clock()
    kernel = clock.timed("kernel", lambda: "result")
    step = clock.timed("step", kernel)
    step()  # not running: not counted
    clock.switch("training", running=True)
    assert step() == "result"
    clock.switch("validation", running=True)
    kernel()
    clock.switch("training", running=False)
    assert clock.seconds == {
        ("training", "Lightning"): 20,  # before the step and after it
        ("training", "step"): 20,  # before the kernel and after it
        ("training", "kernel"): 10,
        ("validation", "kernel"): 10,
        ("validation", "Lightning"): 20,
    }


@built
@pytest.mark.long
def test_an_epoch_is_taken_apart() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.epoch_parts", *SMALL],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "3 epochs" in done.stdout
    _, *rows, total = cells(done.stdout.splitlines())
    shares = {row[0]: float(row[3].rstrip("%")) for row in rows}
    assert total[3] == "100%"
    assert sum(shares.values()) == pytest.approx(100, abs=1)
    parts = {"kernel", "optimizer", "metrics", "data", "logging", "checkpoints", "Lightning"}
    assert parts <= set(shares)


@needs("triton")
@pytest.mark.long
@pytest.mark.seconds(30)
def test_several_points_are_the_same_in_turn_and_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.together", "--smoke"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = cells(done.stdout.splitlines())
    assert [row[4] for row in rows if row[0] in "12" and row[1][0].isdigit()] == ["yes", "yes"]
    assert [row[1] for row in rows[4:]] == ["one by one"] * 2 + ["processes", "together"]


def test_searches_are_told_by_runs_and_by_the_clock() -> None:
    courses = {
        "grid": [np.array([1.0, 5.0, 3.0])],
        "search": [np.array([2.0, 5.0]), np.array([4.0, 4.0])],
    }
    clocks = {"search": [np.array([10.0, 31.0]), np.array([12.0, 20.0])]}
    table = reached_table(courses, clocks, level=5.0, most=3)
    assert [row[-2:] for row in table.rows] == [["2", "-"], ["2, never", "31, never"]]
