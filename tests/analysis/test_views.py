"""Tables of a sweep whose numbers were worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn.analysis.collapse import explanation, find_collapsed
from snn.analysis.marginals import values_table
from snn.analysis.recommend import extensions, next_value, recommend
from snn.analysis.records import read_records
from snn.analysis.study import make_study
from snn.analysis.views import (
    ranking_table,
    recommended_table,
    seeds_table,
)
from snn.runs import read_json, write_json
from tests.analysis.by_hand import GRID, HIDDEN, RATE, SCALE, by_hand, row, study_of
from tests.analysis.synthetic import write_grid, write_run


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
