"""Records found, damaged records named, axes told from what follows from them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from snn.analysis.axes import find_axes
from snn.analysis.records import read_records, read_run
from snn.errors import RunError
from tests.analysis.synthetic import write_grid, write_run

GRID = {"model.nb_hidden": [20, 40], "model.reset": ["zero", "subtract"]}


def change(path: Path, **entries: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def test_runs_are_found_at_any_depth(tmp_path: Path) -> None:
    write_grid(tmp_path / "a", GRID, lambda _: {})
    write_grid(tmp_path / "b" / "c", GRID, lambda _: {})
    (tmp_path / "a" / "0" / "checkpoints").mkdir()
    records = read_records(tmp_path)
    assert [run.name for run in records.runs][:4] == ["a/0", "a/1", "a/2", "a/3"]
    assert len(records.runs) == 8
    assert not records.damaged


def test_the_directory_of_one_run(tmp_path: Path) -> None:
    path = write_run(tmp_path / "alone", {"model.nb_hidden": 20})
    assert [run.name for run in read_records(path).runs] == ["alone"]


def test_ten_comes_after_nine(tmp_path: Path) -> None:
    for i in (10, 9, 1):
        write_run(tmp_path / str(i), {})
    assert [run.name for run in read_records(tmp_path).runs] == ["1", "9", "10"]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda run: (run / "result.json").write_text('{"schema'), "result.json: cannot be read"),
        (lambda run: (run / "result.json").write_text("[]"), "not a JSON object"),
        (lambda run: (run / "result.json").unlink(), "result.json: no such file"),
        (lambda run: (run / "status.json").write_text(""), "status.json: cannot be read"),
        (lambda run: change(run / "status.json", state="?"), "unknown state"),
        (lambda run: change(run / "result.json", schema_version=99), "schema_version 99"),
        (lambda run: change(run / "result.json", config=None), "config is missing"),
        (lambda run: change(run / "result.json", config={"data": 3}), "unknown shape"),
        (lambda run: change(run / "result.json", fit_seconds="long"), "is not a number"),
    ],
)
def test_damage_is_named_and_left_out(tmp_path: Path, damage, why: str) -> None:
    write_grid(tmp_path, GRID, lambda _: {})
    damage(tmp_path / "2")
    records = read_records(tmp_path)
    assert [run.name for run in records.runs] == ["0", "1", "3"]
    assert why in records.damaged["2"]


def test_a_curve_without_a_record_is_damage(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch\n")
    assert "missing" in read_records(tmp_path).damaged[tmp_path.name]


def test_a_failed_run_keeps_its_error(tmp_path: Path) -> None:
    write_run(tmp_path / "0", {"model.nb_hidden": 7}, error="out of memory\nat layer 1")
    run = read_records(tmp_path).runs[0]
    assert (run.state, run.error) == ("failed", "Broken: out of memory")
    assert run.config["model.nb_hidden"] == 7


def test_a_running_record_of_a_dead_process_is_interrupted(tmp_path: Path) -> None:
    path = write_run(tmp_path / "0", {})
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    change(path / "status.json", state="running", host=socket.gethostname(), pid=gone.pid)
    assert read_run(path, "0").state == "interrupted"
    change(path / "status.json", pid=os.getpid())
    assert read_run(path, "0").state == "running"
    change(path / "status.json", pid=gone.pid, host="another")
    assert read_run(path, "0").state == "running"


def test_no_such_directory(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such directory"):
        read_records(tmp_path / "nowhere")


def axes_of(directory: Path):
    return find_axes(read_records(directory).runs)


def test_axes_are_what_varies_but_the_seed(tmp_path: Path) -> None:
    write_grid(tmp_path, {"model.nb_hidden": [100, 20, [30, 20]], "seed": [1, 2, 3]}, lambda _: {})
    axes = axes_of(tmp_path)
    assert [(a.key, a.levels) for a in axes.axes] == [("model.nb_hidden", ("20", "100", "[30,20]"))]
    assert axes.following == ()


def test_what_changes_with_an_axis_is_no_axis(tmp_path: Path) -> None:
    for i, (name, momentum) in enumerate([("sgd", 0.9), ("adam", 0.0)]):
        path = write_run(tmp_path / str(i), {"optimizer": name, "model.scale": 10})
        result = json.loads((path / "result.json").read_text())
        result["config"]["optimizer"] = {"_target_": f"torch.optim.{name}", "momentum": momentum}
        (path / "result.json").write_text(json.dumps(result))
    axes = axes_of(tmp_path)
    assert [(a.key, a.levels) for a in axes.axes] == [("optimizer", ("adam", "sgd"))]
    assert set(axes.following) == {"optimizer._target_", "optimizer.momentum"}
    assert axes.common == {"model.scale": "10"}


def test_what_cannot_change_the_result_is_no_axis(tmp_path: Path) -> None:
    write_grid(tmp_path, {"data.root": ["/a", "/b"]}, lambda _: {})
    assert axes_of(tmp_path).axes == ()


def test_axes_that_end_alike_keep_their_whole_names(tmp_path: Path) -> None:
    write_grid(tmp_path, {"model.size": [1, 2], "data.size": [1, 2]}, lambda _: {})
    assert [axis.short for axis in axes_of(tmp_path).axes] == ["model.size", "data.size"]


def test_reading_needs_no_torch() -> None:
    code = (
        "import sys, snn.analysis.records, snn.analysis.summary, snn.analysis.watch\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
