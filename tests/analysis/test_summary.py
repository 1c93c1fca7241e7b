"""The summary as a whole: numbers worked out by hand, files, report, odd sweeps."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from snn.analysis.collapse import explanation, find_collapsed
from snn.analysis.marginals import values_table
from snn.analysis.recommend import extensions, next_value, recommend
from snn.analysis.records import read_records
from snn.analysis.sections import OURS
from snn.analysis.study import make_study
from snn.analysis.summary import summarise
from snn.analysis.views import (
    best_table,
    ranking_table,
    recommended_table,
    seeds_table,
)
from snn.cli.summary import main
from snn.runs import read_json, write_json
from tests.analysis.synthetic import write_grid, write_run

HIDDEN, SCALE, RATE = "model.nb_hidden", "model.scale", "model.regularizer"
GRID = {HIDDEN: [20, 40, 60], SCALE: [10, 100]}
VAL = {(20, 10): 0.50, (20, 100): 0.60, (40, 10): 0.70, (40, 100): 0.66, (60, 10): 0.62}
VAL[60, 100] = 0.64


def by_hand(point: dict) -> dict:
    val = VAL[point[HIDDEN], point[SCALE]]
    return {"val": val, "train": val + 0.1, "test": val - 0.1, "seconds": point[HIDDEN] / 2}


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of everything else: drawing takes most of the time."""
    monkeypatch.setattr("snn.analysis.sections.draw_all", lambda *_: iter(()))


def study_of(directory: Path, metric: str | None = None):
    return make_study("randman", read_records(directory).of_state("completed"), metric)


def row(table, *start: str) -> list[str]:
    return next(list(r) for r in table.rows if tuple(r[: len(start)]) == start)


def test_means_of_each_value_by_hand(tmp_path: Path) -> None:
    write_grid(tmp_path, GRID, by_hand)
    table = values_table(study_of(tmp_path))
    # 20: 50 and 60 %; mean 55, standard deviation sqrt(2 * 25 / 1) = 7.07
    assert row(table, "nb_hidden", "20")[2:] == [
        *("2", "65.00 ± 7.07", "55.00 ± 7.07", "10.0 ± 0.0")
    ]
    # 10: 50, 70, 62 %; 100: 60, 66, 64 %
    assert row(table, "scale", "10")[4] == "60.67 ± 10.07"
    assert row(table, "scale", "100")[4:] == ["63.33 ± 3.06", "20.0 ± 10.0"]


def test_recommended_combination_by_hand(tmp_path: Path) -> None:
    write_grid(tmp_path, GRID, by_hand)
    study = study_of(tmp_path)
    assert [(c.level, c.mark, round(c.lead, 4)) for c in recommend(study)] == [
        ("40", "", 0.05),  # 68 % against 63 %
        ("100", "+", 0.0267),
    ]
    table = recommended_table(study)
    assert row(table, "scale")[1:4] == ["10, 100", "100+", "2.67 points"]
    # The mean of all is 62 %; the recommended point (40, 100) has 66 %.
    assert "Mean validation accuracy of all runs: 62.00 %" in table.note
    assert "66.00 %, a gain of 4.00 points" in table.note


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


def test_an_option_that_older_records_lack_is_no_axis(tmp_path: Path) -> None:
    write_run(tmp_path / "0", {HIDDEN: 20, "seed": 1})
    write_run(tmp_path / "1", {HIDDEN: 20, "seed": 2, "model.label_smoothing": None})
    write_run(tmp_path / "2", {HIDDEN: 40, "seed": 1, "model.label_smoothing": None})
    assert study_of(tmp_path).keys == [HIDDEN]
    write_run(tmp_path / "3", {HIDDEN: 20, "seed": 1, "model.label_smoothing": 0.1})
    study = study_of(tmp_path)
    assert study.axis("model.label_smoothing").levels == ("0.1", "null")
    write_run(tmp_path / "4", {HIDDEN: 20, "seed": 1, "model.label_smoothing": None})
    assert len(study_of(tmp_path).runs) == 4  # one task, with and without the key


def test_times_of_several_runs_are_not_taken_for_times_of_one(tmp_path: Path) -> None:
    for i, together in enumerate((1, 1, 2, 3)):
        point = {HIDDEN: 20 * (i % 2 + 1), "seed": i // 2}
        write_run(tmp_path / str(i), point, seconds=10.0 * together, together=together)
    study = study_of(tmp_path)
    assert study.frame["seconds"].dropna().tolist() == [10.0, 10.0]
    assert study.runs[3].result["shared.fit_seconds"] == 30.0
    (note,) = [note for note in study.notes if "shared a process" in note]
    assert note.startswith("2 of 4 runs")


def test_ranking_reports_no_test_accuracy(tmp_path: Path) -> None:
    write_grid(tmp_path, GRID, by_hand)
    table = ranking_table(study_of(tmp_path))
    assert table.rows[0][:5] == ["1", "40", "10", "70.00", "66.74 – 73.07"]
    assert [r[3] for r in table.rows] == ["70.00", "66.00", "64.00", "62.00", "60.00", "50.00"]
    assert not any("test" in column for column in table.columns)


def test_spread_over_seeds_by_hand(tmp_path: Path) -> None:
    write_grid(
        tmp_path,
        {HIDDEN: [20, 40], "seed": [1, 2, 3]},
        lambda p: {"val": 0.5 + 0.1 * (p[HIDDEN] == 40) + 0.01 * p["seed"]},
    )
    study = study_of(tmp_path)
    assert study.keys == [HIDDEN]
    table = seeds_table(study)
    assert table.rows[0] == ["40", "3", "62.00", "1.00", "61.00", "63.00"]
    assert "Pooled over points: 1.00" in table.note


def test_an_edge_is_extended_by_a_command(tmp_path: Path) -> None:
    write_grid(tmp_path, GRID | {"trainer.max_epochs": [3]}, by_hand)
    [(choice, command)] = extensions(study_of(tmp_path), Path("sweeps/a"))
    assert choice.axis.key == SCALE
    assert command == (
        "python train.py -m trainer.max_epochs=3 model.nb_hidden=20,40,60 model.scale=1000 "
        "seed=1 hydra.sweep.dir=sweeps/a"
    )


@pytest.mark.parametrize(
    ("values", "mark", "expected"),
    [
        ([50, 100, 150], "+", "200"),
        ([80, 100, 120], "-", "60"),
        ([1e-6, 1e-5, 1e-4], "-", "1e-7"),
        ([10, 20, 40], "+", "80"),
        ([20, 40, 60], "-", "10"),  # a step further would be 0
        ([0.0, 0.1], "-", None),
        ([1, 2, 3], "-", None),
    ],
)
def test_next_values(tmp_path: Path, values: list, mark: str, expected: str | None) -> None:
    write_grid(tmp_path, {SCALE: values}, lambda _: {})
    assert next_value(study_of(tmp_path).axes.axes[0], mark) == expected


def test_beside_the_thesis(tmp_path: Path) -> None:
    axes = {HIDDEN: [100, 200, 300], "data.nb_steps": [76, 152], SCALE: [10, 20], RATE: [0.01]}
    write_grid(
        tmp_path,
        axes,
        lambda p: {"val": 0.5 + p[HIDDEN] / 1000 - p["data.nb_steps"] / 1e4},
        data="tbl",
    )
    study = make_study("tbl", read_records(tmp_path).runs)
    table = recommended_table(study)
    assert table.columns[-1] == "thesis (table 4)"
    assert row(table, "nb_hidden")[-1] == "300+"
    assert row(table, "nb_hidden")[2] == "300+"
    assert row(table, RATE)[1:] == ["0.01", "not varied", "-", "-", "0.01+"]
    assert "99.80 %" in table.note
    # A recording has 76 samples: fewer steps are not offered.
    commands = {c.axis.key: command for c, command in extensions(study, tmp_path)}
    assert commands["data.nb_steps"] is None
    assert "model.nb_hidden=400" in commands[HIDDEN]


def test_collapsed_runs_are_explained(tmp_path: Path) -> None:
    def measured(p: dict) -> dict:
        low = p[RATE] == 1e-4
        return {"val": 0.1 if low else 0.8, "train": 0.11 if low else 0.9}

    write_grid(tmp_path, {HIDDEN: [20, 40], RATE: [1e-6, 1e-5, 1e-4]}, measured)
    write_run(tmp_path / "lost", {HIDDEN: 60, RATE: 1e-6}, train=None, val=None, test=None)
    study = study_of(tmp_path)
    collapse = find_collapsed(study)
    assert collapse.limit == pytest.approx(0.1 + 0.05 * 0.9)
    assert int(collapse.mask.sum()) == 3
    text = explanation(study, collapse)
    assert "3 of 7 runs collapsed" in text
    assert "regularizer=1e-4: 2 of 2 (1 of 5 elsewhere)" in text


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
    for part in ("exploded", "12x", "Recommended combination", "95 % interval", "chance (seeds)"):
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


def test_one_task_counts_once(tmp_path: Path) -> None:
    write_grid(tmp_path / "a", GRID, by_hand)
    write_grid(tmp_path / "b", GRID, by_hand)
    study = study_of(tmp_path)
    assert len(study.runs) == 6
    assert "6 records are of a task" in study.notes[0]


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


def test_equal_accuracies_are_decided_by_the_loss(tmp_path: Path) -> None:
    losses = {20: 0.3, 40: 0.1, 60: 0.2}
    for units, loss in losses.items():
        path = write_run(tmp_path / str(units), {HIDDEN: units}, val=1.0, seconds=units)
        result = read_json(path / "result.json")
        result["metrics.best.val.loss"] = loss
        write_json(path / "result.json", result)
    study = study_of(tmp_path)
    assert [study.levels(point) for _, point in study.points.iterrows()] == [["40"], ["60"], ["20"]]
    [choice] = recommend(study)
    assert (choice.level, choice.mark, choice.lead) == ("40", "", 0.0)


def test_splits_are_repeats_like_seeds(tmp_path: Path, no_figures: None) -> None:
    axes = {SCALE: [10, 100], "data.split_seed": [1, 2, 10], "seed": [1, 2]}
    luck = {1: -0.1, 2: 0.1, 10: 0.0}
    write_grid(
        tmp_path,
        axes,
        lambda p: {"val": 0.6 + p[SCALE] / 1000 + luck[p["data.split_seed"]]},
    )
    study = study_of(tmp_path)
    assert study.keys == [SCALE]
    assert study.points["n"].tolist() == [6, 6]
    assert study.points["value"].tolist() == pytest.approx([0.70, 0.61])
    assert set(study.frame["repeat"]) == {f"seed={s}, split_seed={d}" for s in (1, 2) for d in luck}
    assert any("data.split_seed alone count as repeats" in note for note in study.notes)
    [(_, command)] = extensions(study, tmp_path)
    assert "data.split_seed=1,2,10" in command
    assert "seed=1,2" in command
