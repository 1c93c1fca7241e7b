"""Two or more runs beside each other, and a page that is kept fresh."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from snn.analysis.compare import compare
from snn.analysis.live import EVERY, LivePage, watch_with_page
from snn.analysis.records import read_records
from snn.cli.summary import main
from snn.errors import RunError
from tests.analysis.synthetic import write_grid, write_run

HIDDEN = "model.nb_hidden"
CURVE = {"curve": [0.2, 0.5]}


def test_what_differs_and_by_how_much(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    a = write_run(tmp_path / "a", {HIDDEN: 20, "seed": 1}, val=0.6, **CURVE)
    b = write_run(tmp_path / "b", {HIDDEN: 40, "seed": 1}, val=0.8, **CURVE)
    assert main([str(a), str(b)]) == 0
    text = capsys.readouterr().out
    assert "20.00 points (95 % interval 15.5" in text
    assert "unpaired, from 800 samples" in text
    summary = compare([a, b])
    keys = summary.sections[0].tables[1]
    assert [list(row) for row in keys.rows] == [[HIDDEN, "20", "40"]]
    results = summary.sections[1].tables[0]
    assert ["validation accuracy (%)", "60.00", "80.00"] in [list(row) for row in results.rows]
    assert not any("test" in row[0] for row in results.rows)
    assert "compared.svg" in (a / "summary" / "report.html").read_text(encoding="utf-8")
    # The sweep's own summary does not take the comparison for a run.
    assert len(read_records(tmp_path).runs) == 2


def test_repeats_of_one_task_are_both_shown(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / name, {HIDDEN: 20}) for name in "ab"]
    summary = compare(paths)
    assert "repeats of one task" in summary.sections[0].tables[1].note
    app = next(section.app for section in summary.sections if section.app)
    assert app["names"] == ["a", "b"]


def test_only_completed_runs(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    a = write_run(tmp_path / "a", {HIDDEN: 20})
    b = write_run(tmp_path / "b", {HIDDEN: 20}, error="no")
    with pytest.raises(RunError, match="failed; only completed"):
        compare([a, b])
    with pytest.raises(RunError, match="twice"):
        compare([a, a])
    assert main([str(a), str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_live_page_is_written_when_something_changed(tmp_path: Path) -> None:
    now = [0.0]
    page = LivePage(clock=lambda: now[0])
    assert not page.look(read_records(tmp_path))
    write_run(tmp_path / "0", {HIDDEN: 20}, **CURVE)
    assert page.look(read_records(tmp_path))
    text = (tmp_path / "summary" / "report.html").read_text(encoding="utf-8")
    assert 'id="reload"' in text
    now[0] += 2 * EVERY
    assert not page.look(read_records(tmp_path))
    write_run(tmp_path / "1", {HIDDEN: 40}, **CURVE)
    assert page.look(read_records(tmp_path))
    write_run(tmp_path / "2", {HIDDEN: 60}, **CURVE)
    assert not page.look(read_records(tmp_path))  # too soon


def test_in_the_end_the_page_is_whole(tmp_path: Path) -> None:
    write_grid(tmp_path, {HIDDEN: [20, 40]}, lambda p: {"val": p[HIDDEN] / 100} | CURVE)
    console = Console(file=io.StringIO(), width=140)
    assert watch_with_page(tmp_path, console, total=2, interval=0.0).done == 2
    text = (tmp_path / "summary" / "report.html").read_text(encoding="utf-8")
    assert 'id="reload"' not in text
    assert "<svg" in text


@pytest.mark.parametrize("arguments", [["a", "--html"], ["a", "b", "--watch"]])
def test_arguments_that_do_not_fit(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
