"""The summary as a whole: files, report, odd sweeps."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from snn.analysis.marginals import values_table
from snn.analysis.recommend import recommend
from snn.analysis.records import read_records
from snn.analysis.sections import OURS
from snn.analysis.summary import summarise
from snn.analysis.views import (
    best_table,
    ranking_table,
    recommended_table,
)
from snn.cli.summary import main
from tests.analysis.by_hand import GRID, HIDDEN, by_hand, row, study_of
from tests.analysis.synthetic import write_grid, write_run


def test_a_search_without_test_part_is_ranked_and_says_so(tmp_path: Path) -> None:
    write_grid(tmp_path, GRID, lambda point: by_hand(point) | {"tested": False, "spikes": 30.0})
    study = study_of(tmp_path)
    assert row(values_table(study), "scale", "10")[3:] == [
        *("70.67 ± 10.07", "60.67 ± 10.07", "20.0 ± 10.0")
    ]
    best = best_table(study)
    assert best.title == "The best point"
    assert not any("test" in cells[0] for cells in best.rows)
    assert row(best, "hidden spikes per sample") == ["hidden spikes per sample", "30.0"]
    assert row(best, "synaptic operations per sample")[1] == "1500"
    assert any("test=false" in note for note in study.notes)
    write_grid(tmp_path / "more", GRID, lambda point: by_hand(point) | {"tested": True})
    assert not any("test=false" in note for note in study_of(tmp_path / "more").notes)


def test_a_summary_of_such_a_search_is_written_whole(tmp_path: Path) -> None:
    write_grid(tmp_path, GRID, lambda point: by_hand(point) | {"tested": False})
    summary = summarise(read_records(tmp_path))
    text = (summary.folder / "report.html").read_text()
    assert "ckpt_path=last test=true" in text
    said = re.sub(r"<script>.*?</script>|base64,[^\"]*", "", text, flags=re.DOTALL)
    assert "nan" not in said.lower()


def test_files_of_a_whole_sweep(tmp_path: Path) -> None:
    write_grid(tmp_path, GRID | {"seed": [1, 2]}, lambda p: by_hand(p) | {"curve": [0.2, 0.5]})
    write_run(tmp_path / "bad", {HIDDEN: 20}, error="exploded")
    (tmp_path / "12x").mkdir()
    (tmp_path / "12x" / "result.json").write_text("{")
    summary = summarise(read_records(tmp_path))
    folder = tmp_path / "summary"
    assert summary.lead == "13 runs: 12 completed, 1 failed; 1 damaged record."
    for name in ("ranking", "best", "recommended", "values", "seeds", "effects", "unfinished"):
        assert (folder / f"{name}.md").stat().st_size > 0
        assert r"\begin{tabular}" in (folder / f"{name}.tex").read_text()
    for name in ("effects", "main_effects", "interactions", "costs", "parallel", "curves"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (folder / f"{name}.svg").read_text()
    frame = pd.read_parquet(folder / "results.parquet")
    assert len(frame) == len(pd.read_csv(folder / "results.csv")) == 13
    assert frame.set_index("run").loc["bad", "error"] == "Broken: exploded"
    assert frame["metrics.best.val.accuracy"].max() == pytest.approx(0.7)
    low = frame["metrics.best.val.accuracy.low"].dropna()
    assert (low < frame.loc[low.index, "metrics.best.val.accuracy"]).all()
    written = {file.stem for file in folder.iterdir() if file.suffix in (".md", ".png")}
    assert {name for name in written if not name.startswith("values_")} <= OURS
    report = (folder / "report.html").read_text(encoding="utf-8")
    figures = {file.stem for file in folder.glob("*.svg")}
    assert report.count('<svg role="img"') == len(figures) == len(list(folder.glob("*.png")))
    assert all(f'href="{name}.svg"' in report for name in figures)
    assert not re.search(r'(src|href)="([a-z]+:)?//', report)  # nothing is fetched
    for part in (
        "exploded",
        "12x",
        "Recommended combination",
        "95 % interval",
        "chance between runs",
    ):
        assert part in report


@pytest.mark.usefixtures("no_figures")
def test_a_smaller_summary_leaves_no_older_tables(tmp_path: Path) -> None:
    paths = write_grid(tmp_path, GRID, by_hand)
    summarise(read_records(tmp_path))
    (tmp_path / "summary" / "notes.md").write_text("mine")
    for path in paths[1:]:
        (path / "status.json").unlink()
        (path / "result.json").unlink()
    summarise(read_records(tmp_path))
    assert not (tmp_path / "summary" / "effects.md").exists()
    assert (tmp_path / "summary" / "notes.md").exists()


def test_one_run(tmp_path: Path) -> None:
    write_run(tmp_path / "0", {HIDDEN: 20}, curve=[0.3, 0.5])
    assert main([str(tmp_path)]) == 0
    assert "Nothing was varied" in (tmp_path / "summary" / "report.html").read_text()


@pytest.mark.parametrize(
    "axes",
    [
        {"model.reset": ["zero", "subtract"]},
        {HIDDEN: [[200, 100], [100], 50]},
        {"seed": [1, 2, 3]},
        {"optimizer.lr": [10 ** (-i / 10) for i in range(30)]},
    ],
    ids=["words", "lists", "seeds", "search"],
)
def test_odd_axes(tmp_path: Path, axes: dict, capsys: pytest.CaptureFixture) -> None:
    numbers = iter(range(100))
    write_grid(tmp_path, axes, lambda _: {"val": 0.5 + 0.002 * next(numbers)})
    assert main([str(tmp_path)]) == 0
    assert "The best point" in capsys.readouterr().out


@pytest.mark.usefixtures("no_figures")
def test_without_a_validation_part(tmp_path: Path) -> None:
    write_grid(tmp_path, GRID, lambda p: by_hand(p) | {"val": None})
    study = study_of(tmp_path)
    assert study.metric.key == "metrics.final.train.accuracy"
    assert study.weights == "final"
    assert any("No validation part" in note for note in study.notes)
    assert "by training accuracy" not in recommended_table(study).columns[4:]
    assert main([str(tmp_path)]) == 0


@pytest.mark.usefixtures("no_figures")
def test_missing_numbers_are_listed_not_ranked(tmp_path: Path) -> None:
    write_grid(tmp_path, GRID, by_hand)
    path = tmp_path / "3" / "result.json"
    result = json.loads(path.read_text())
    for key in list(result):
        if key.startswith("metrics."):
            result[key] = None
    path.write_text(json.dumps(result))
    study = study_of(tmp_path)
    assert ranking_table(study).rows[-1][0] == "-"
    assert any("1 of 6 completed runs have no validation accuracy" in n for n in study.notes)
    assert not study.is_full_factorial
    assert main([str(tmp_path)]) == 0
    assert "Not a full, balanced grid" in (tmp_path / "summary" / "effects.md").read_text()


@pytest.mark.usefixtures("no_figures")
def test_several_data_sets(tmp_path: Path) -> None:
    write_grid(tmp_path / "a", GRID, by_hand)
    write_grid(tmp_path / "b", GRID, by_hand, data="shd", nb_classes=20)
    assert main([str(tmp_path)]) == 0
    for name in ("randman", "shd"):
        assert (tmp_path / "summary" / name / "effects.md").exists()
    assert not (tmp_path / "summary" / "effects.md").exists()
    with (tmp_path / "summary" / "results.csv").open(newline="") as file:
        assert {r["data"] for r in csv.DictReader(file)} == {"randman", "shd"}


@pytest.mark.usefixtures("no_figures")
def test_nothing_completed(tmp_path: Path) -> None:
    write_run(tmp_path / "0", {}, error="no")
    assert main([str(tmp_path)]) == 0
    assert "nothing to compare" in (tmp_path / "summary" / "report.html").read_text()


@pytest.mark.usefixtures("no_figures")
def test_other_metrics(tmp_path: Path) -> None:
    write_grid(tmp_path, GRID, by_hand)
    assert study_of(tmp_path, "fit_seconds").points.iloc[0]["seconds"] == 10.0
    loss = study_of(tmp_path, "final.val.loss")
    assert loss.points.iloc[0]["value"] == pytest.approx(0.3)
    assert recommend(loss)[0].level == "40"
    assert main([str(tmp_path), "--metric", "final.val.loss"]) == 0
    assert any("Ranked on test data" in n for n in study_of(tmp_path, "test").notes)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("train/accuracy", "final.train.accuracy"), ("fit_secons", "fit_seconds")],
)
def test_a_metric_by_its_name_elsewhere_is_recognized(
    tmp_path: Path, asked: str, meant: str, capsys: pytest.CaptureFixture
) -> None:
    write_grid(tmp_path, GRID, by_hand)
    assert main([str(tmp_path), "--metric", asked]) == 1
    said = capsys.readouterr().err
    assert f"--metric {asked}: no run has it; did you mean " in said
    assert meant in said.partition("?")[0]


@pytest.mark.parametrize("arguments", [[], ["--metric", "val.f1"]])
def test_what_a_user_can_mend(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture
) -> None:
    if arguments:
        write_grid(tmp_path, GRID, by_hand)
    assert main([str(tmp_path), *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
