"""Which runs count, and as what: repeats, records of one task, options of other versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn.analysis.recommend import extensions
from tests.analysis.by_hand import GRID, HIDDEN, SCALE, by_hand, study_of
from tests.analysis.synthetic import write_grid, write_run


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


def test_one_task_counts_once(tmp_path: Path) -> None:
    write_grid(tmp_path / "a", GRID, by_hand)
    write_grid(tmp_path / "b", GRID, by_hand)
    study = study_of(tmp_path)
    assert len(study.runs) == 6
    assert "6 records are of a task" in study.notes[0]


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
