"""Sweeps that are not finished: like is compared with like, and what is not comparable is said."""

from __future__ import annotations

import numpy as np
import pytest

from snn.analysis.choice import point_difference, which_to_take
from snn.analysis.difference import of_pairs
from snn.analysis.effects import HIGHER, MAIN, REPEAT, RESIDUAL, decompose
from snn.analysis.marginals import values_table
from snn.analysis.matched import NOTE, matched
from snn.analysis.recommend import extensions, marginal_means, recommend
from snn.analysis.views import recommended_table
from tests.analysis.grids import HIDDEN, RATE, SCALE, SPLIT, STEPS, TBL, study_of

QUIET = {"noise": 0.0005, "replicate_noise": 0.0}


def larger_is_better(point: dict) -> float:
    """The second split is easier by 5 points."""
    return 0.8 + 0.01 * TBL[HIDDEN].index(point[HIDDEN]) + 0.05 * (point[SPLIT] == 2)


def test_a_split_that_has_only_begun_turns_nothing_round() -> None:
    study = study_of(
        larger_is_better,
        by=SPLIT,
        replicates=[1, 2],
        keep=lambda split, p: split == 1 or p[HIDDEN] == 100,
        **QUIET,
    )
    plain = study.frame.groupby(HIDDEN)["value"].mean()
    assert plain[0] > plain[2]  # what the mean over all runs would say
    choice = next(c for c in recommend(study) if c.axis.key == HIDDEN)
    assert (choice.level, choice.mark) == ("300", "+")
    assert choice.lead == pytest.approx(0.01, abs=0.001)
    means = marginal_means(study, HIDDEN)
    assert means["n"].tolist() == [27, 27, 27]
    assert np.diff(means["value"]) == pytest.approx([0.01, 0.01], abs=0.001)
    assert any("Points were run 1 to 2 times" in note for note in study.notes)
    assert NOTE in recommended_table(study).note
    assert NOTE in values_table(study).note


def test_times_are_those_of_matched_runs() -> None:
    """300 neurons were run with short recordings alone, which take less."""
    study = study_of(
        lambda _: 0.9,
        replicates=[1],
        keep=lambda _, p: p[HIDDEN] < 300 or p[STEPS] == 76,
        seconds=lambda p: p[HIDDEN] / 10 * p[STEPS] / 76,
        **QUIET,
    )
    means = marginal_means(study, HIDDEN)
    assert means["n"].tolist() == [9, 9, 9]
    assert means["seconds"].to_numpy() == pytest.approx([10, 20, 30], rel=0.01)


def test_a_whole_grid_is_compared_whole() -> None:
    study = study_of(larger_is_better, by=SPLIT, replicates=[1, 2], **QUIET)
    assert matched(study, HIDDEN) is study.frame
    assert NOTE not in values_table(study).note
    assert not any("Points were run" in note for note in study.notes)


def test_equal_values_are_shown_as_equal_and_not_extended() -> None:
    study = study_of(lambda p: 0.9 + 0.01 * (p[RATE] == 1e-3), noise=0, replicate_noise=0)
    shown = {choice.axis.key: choice.shown for choice in recommend(study)}
    assert shown == {HIDDEN: "100 = 200 = 300", STEPS: "76 = 152 = 228"} | {
        SCALE: "10 = 20 = 40",
        RATE: "0.001",
    }
    assert extensions(study, study.runs[0].path) == []


def test_a_best_point_that_shares_its_accuracy_says_so() -> None:
    reached = {(100, 10): 0.9, (100, 20): 0.5, (200, 10): 0.9, (200, 20): 0.8}
    study = study_of(
        lambda p: reached[p[HIDDEN], p[SCALE]],
        grid={HIDDEN: (100, 200), SCALE: (10, 20)},
        replicates=[1],
        seconds=lambda p: float(p[HIDDEN]),
        noise=0,
        replicate_noise=0,
    )
    [said] = which_to_take(study)
    assert "The best point (nb_hidden=100, scale=10) has the best validation accuracy" in said
    assert "of all 4 points, as 1 other has; of these it has the lowest loss." in said
    assert "The recommended combination (nb_hidden=200, scale=10)" in said


def test_which_split_is_no_chance_of_the_points() -> None:
    """Of each split all points were run, so that its own luck is a term of its own."""
    study = study_of(
        lambda p: 0.8 + 0.002 * TBL[HIDDEN].index(p[HIDDEN]),
        by=SPLIT,
        noise=0.001,
        replicate_noise=0.03,
    )
    found = decompose(study.frame, study.keys)
    shares = {kind: sum(e.share for e in found.of_kind(kind)) for kind in (MAIN, REPEAT, RESIDUAL)}
    assert shares[REPEAT] > 0.9
    assert sum(effect.share for effect in found.effects) == pytest.approx(1.0)
    assert sum(effect.df for effect in found.effects) == len(study.frame) - 1
    hidden = next(e for e in found.effects if e.keys == (HIDDEN,))
    assert hidden.omega_sq == pytest.approx(hidden.share, rel=0.05)
    assert found.of_kind(HIGHER)[0].omega_sq < 0.001
    # by hand: 81 points times the spread of the splits' means
    means = study.frame.groupby("repeat")["metric"].mean()
    between = 81 * ((means - means.mean()) ** 2).sum()
    assert found.of_kind(REPEAT)[0].sum_sq == pytest.approx(between)


def test_differences_of_splits_are_known_no_better_than_samples_allow() -> None:
    same = of_pairs([0.01, 0.01, 0.01])
    assert (same.low, same.high) == pytest.approx((0.01, 0.01))
    counted = of_pairs([0.01, 0.01, 0.01], overlap=0.25, least=0.0001, shared="split")
    half = 4.303 * np.sqrt(0.0001 * (1 / 3 + 0.25))
    assert (counted.low, counted.high) == pytest.approx((0.01 - half, 0.01 + half), rel=1e-3)
    assert "share their split" in counted.how
    study = study_of(
        larger_is_better,
        by=SPLIT,
        samples={"train": 972, "val": 108, "test": 270},
        noise=0,
        replicate_noise=0,
    )
    found = point_difference(study, study.points.iloc[-1], study.points.iloc[0])
    assert found.value == pytest.approx(0.02)
    assert found.high - found.low > 2 * 4.3 * np.sqrt(1 / 6) / 108 / 2
    assert "share their split" in found.how
