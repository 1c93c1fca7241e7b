"""Which of two choices to take, and whether they differ by more than chance."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from snn.analysis.choice import best_command, which_to_take
from snn.analysis.difference import of_pairs, of_shares
from snn.analysis.fixed import default_config, fixed_table, hardware_table
from snn.analysis.records import read_records
from snn.analysis.study import make_study
from tests.analysis.synthetic import write_grid, write_run

HIDDEN, SCALE = "model.nb_hidden", "model.scale"


def study_of(directory: Path):
    return make_study("randman", read_records(directory).of_state("completed"))


def test_pairs_by_hand() -> None:
    # Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t(2) = 4.3027.
    found = of_pairs([1.0, 2.0, 3.0])
    assert (found.value, found.low) == pytest.approx((2.0, 2.0 - 4.30265 / 3**0.5), abs=1e-4)
    assert not found.beyond_chance
    assert of_pairs([1.0]) is None


def test_shares_as_newcombe_gives_them() -> None:
    # Newcombe (1998), method 10, table II (a): 56/70 and 48/80 differ by 0.2 (0.0524 to 0.3339);
    # here with equal numbers, from the two Wilson intervals by hand.
    found = of_shares(0.6, 0.8, 100)
    low1, high1, low2, high2 = 0.50200, 0.69061, 0.71116, 0.86663
    low = 0.2 - ((0.8 - low2) ** 2 + (high1 - 0.6) ** 2) ** 0.5
    high = 0.2 + ((high2 - 0.8) ** 2 + (0.6 - low1) ** 2) ** 0.5
    assert (found.low, found.high) == pytest.approx((low, high), abs=2e-4)
    assert found.beyond_chance


def interacting(point: dict) -> dict:
    """The best pair is not made of the best single values."""
    values = {(20, 10): 0.60, (20, 100): 0.60, (40, 10): 0.10, (40, 100): 0.62}
    return {"val": values[point[HIDDEN], point[SCALE]]}


def test_a_point_and_a_combination_that_differ(tmp_path: Path) -> None:
    write_grid(tmp_path, {HIDDEN: [20, 40], SCALE: [10, 100]}, interacting)
    (text,) = which_to_take(study_of(tmp_path))
    assert "best point (nb_hidden=40, scale=100)" in text
    assert "recommended combination (nb_hidden=20, scale=100)" in text
    assert "62.00 % and 60.00 %" in text
    assert re.search(r"2\.00 points \(95 % interval -2\.\d\d to 6\.\d\d; unpaired, from 800", text)
    assert "not more than chance" in text
    assert "Take the best point" in text


def test_with_seeds_they_are_paired(tmp_path: Path) -> None:
    axes = {HIDDEN: [20, 40], SCALE: [10, 100], "seed": [1, 2, 3]}
    write_grid(tmp_path, axes, lambda p: {"val": interacting(p)["val"] + 0.01 * p["seed"]})
    (text,) = which_to_take(study_of(tmp_path))
    assert "3 pairs of runs that share their seed" in text
    assert "That is more than chance would give two points at random; the best of 4" in text


def test_where_both_agree_it_is_said_once(tmp_path: Path) -> None:
    axes = {HIDDEN: [20, 40], SCALE: [10, 100]}
    write_grid(tmp_path, axes, lambda p: {"val": 0.5 + p[HIDDEN] / 1000 + p[SCALE] / 1000})
    (text,) = which_to_take(study_of(tmp_path))
    assert "is also the one" in text


def test_one_run_needs_no_words(tmp_path: Path) -> None:
    write_run(tmp_path / "0", {HIDDEN: 20})
    assert which_to_take(study_of(tmp_path)) == []


def test_the_command_of_the_best_point(tmp_path: Path) -> None:
    axes = {HIDDEN: [20, 40], "augment": ["[a b]"], "seed": [1, 2]}
    write_grid(tmp_path, axes, lambda p: {"val": 0.5 + p[HIDDEN] / 1000})
    command = best_command(study_of(tmp_path))
    assert shlex.split(command) == [
        *("python", "train.py", "-m", "model.nb_hidden=40", "augment=[a b]", "seed=1,2")
    ]


def test_what_was_held_fixed(tmp_path: Path) -> None:
    axes = {HIDDEN: [20, 40], "optimizer.lr": [0.5], "seed": [1, 2]}
    write_grid(tmp_path, axes, lambda p: {})
    rows = [list(row) for row in fixed_table(study_of(tmp_path)).rows]
    assert ["data", "randman", ""] in rows
    assert ["samples", "7200 train, 800 val, 2000 test", ""] in rows
    default = default_config("randman")
    assert ["epochs", "3", str(default["trainer.max_epochs"])] in rows
    assert ["seeds", "1, 2", "1"] in rows
    assert [row[1] for row in rows if row[0] == "optimizer.lr"] == ["0.5"]
    assert not any(row[0] == HIDDEN for row in rows)
    assert ["device", "cpu"] in [list(row) for row in hardware_table(study_of(tmp_path)).rows]
