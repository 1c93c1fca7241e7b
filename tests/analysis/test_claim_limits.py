"""Where a claim cannot be judged as it stands: ceilings, added and missing values, collapses."""

from __future__ import annotations

import pytest

from snn.analysis.claims.balance import balanced
from snn.analysis.claims.bench import Bench
from snn.analysis.claims.judge import verdicts
from snn.analysis.claims.verdict import FAILS, HOLDS, OPEN
from tests.analysis.grids import FASHION, HIDDEN, RATE, SCALE, SEED, SPLIT, STEPS, TBL, study_of
from tests.analysis.test_claims import as_claimed, found

QUIET = {"noise": 0.0005, "replicate_noise": 0.001}
MORE = {**TBL, HIDDEN: (*TBL[HIDDEN], 400)}


def test_larger_values_may_be_best_where_the_thesis_says_or_more() -> None:
    study = study_of(lambda p: 0.8 + p[HIDDEN] / 4000, grid=MORE, **QUIET)
    largest = found(verdicts(study, "test"), "300 or more")
    assert largest.verdict == HOLDS
    assert largest.evidence.value == pytest.approx(0.05, abs=0.002)  # 400 against 200
    small = study_of(lambda p: 0.8 - p[HIDDEN] / 4000, grid=MORE, **QUIET)
    largest = found(verdicts(small, "test"), "300 or more")
    assert (largest.verdict, largest.why) == (FAILS, "another is better")
    only = study_of(lambda _: 0.8, grid={**TBL, HIDDEN: (300, 400)}, **QUIET)
    why = found(verdicts(only, "test"), "300 or more").why
    assert why == "no value on the other side was run"


def test_a_claim_of_one_value_is_of_that_value() -> None:
    study = study_of(lambda p: 0.8 + 0.01 * (p[SCALE] == 40), **QUIET)
    assert found(verdicts(study, "test"), "a scale of 20").verdict == FAILS


def test_values_that_the_thesis_did_not_have_do_not_change_its_mean() -> None:
    alone = found(verdicts(study_of(as_claimed, **QUIET), "test"), "gains about 4")

    def worse(point: dict) -> float:
        return 0.5 if point[HIDDEN] == 400 else as_claimed(point)

    for keep in (lambda *_: True, lambda r, p: p[HIDDEN] < 400 or (r, p[STEPS]) == (1, 76)):
        findings = verdicts(study_of(worse, grid=MORE, keep=keep, **QUIET), "test")
        gain = found(findings, "gains about 4")
        assert (gain.verdict, gain.replicates, gain.points) == (HOLDS, 3, 81)
        assert gain.evidence.value == pytest.approx(alone.evidence.value, abs=0.001)


def test_best_never_holds_while_a_value_is_missing() -> None:
    """1e-3 is better, and was run with one combination of the others alone."""

    def accuracy(point: dict) -> float:
        return 0.8 + {1e-4: 0.0, 1e-3: 0.05, 1e-2: 0.03}[point[RATE]]

    def keep(replicate: int, point: dict) -> bool:
        return point[RATE] != 1e-3 or replicate == point[HIDDEN] // 100

    rate = found(verdicts(study_of(accuracy, keep=keep, **QUIET), "test"), "0.01 or more")
    assert (rate.verdict, rate.levels) == (OPEN, ("1e-4", "0.01"))
    assert rate.why == "not all values were run with the same other parameters"


def test_at_the_ceiling_no_order_can_be_told() -> None:
    samples = {"train": 972, "val": 108, "test": 270}
    study = study_of(lambda _: 0.9995, noise=0.001, replicate_noise=0.0, samples=samples)
    findings = verdicts(study, "test")
    orders = [f for f in findings if f.claim.kind in ("best", "rises", "falls")]
    accuracies = [f for f in orders if f.by != "seconds"]
    assert {f.verdict for f in accuracies} == {OPEN}
    assert all(f.why.startswith("no room above 99.9") for f in accuracies)
    gain = found(findings, "gains about 4")
    assert gain.verdict == FAILS
    assert gain.why.startswith("less: no room above 99.9")
    assert found(findings, "has 99.80 %", "train").verdict == HOLDS


def test_a_quoted_accuracy_is_reached_or_not() -> None:
    for reached, verdict in ((0.998, HOLDS), (0.985, FAILS)):
        study = study_of(lambda _, r=reached: r, noise=0.0002, replicate_noise=0.0002)
        quoted = found(verdicts(study, "test"), "has 99.80 %", "train")
        assert quoted.verdict == verdict
        assert quoted.evidence.value == pytest.approx(reached, abs=0.001)


def test_runs_that_all_guess_say_nothing_of_any_order() -> None:
    findings = verdicts(study_of(lambda _: 0.1, **QUIET), "test")
    accuracies = [f for f in findings if f.by != "seconds" and f.claim.kind != "reaches"]
    assert {(f.verdict, f.why) for f in accuracies} == {(OPEN, "all runs collapsed")}


def test_a_gain_is_over_the_runs_that_learn() -> None:
    def accuracy(point: dict) -> float:
        if point[RATE] == 1e-4:
            return 0.10
        best = (point[HIDDEN], point[STEPS], point[SCALE], point[RATE]) == (150, 100, 80, 1e-6)
        return 0.85 + 0.03 * best

    study = study_of(accuracy, data="fashion_mnist", grid=FASHION, **QUIET)
    findings = verdicts(study, "test")
    assert found(findings, "gains 2 to 4").verdict == HOLDS
    assert found(findings, "gains 2 to 4").evidence.value == pytest.approx(0.03, abs=0.002)
    assert found(findings, "collapses").verdict == HOLDS


def test_training_accuracy_is_judged_alike_whatever_is_held_out() -> None:
    samples = {"train": 972, "val": 108, "test": 270}
    study = study_of(as_claimed, by=SPLIT, samples=samples)
    train = [
        [(f.verdict, f.p_for) for f in verdicts(study, held_out) if f.by == "train"]
        for held_out in ("val", "test")
    ]
    assert train[0] == train[1]
    bench = Bench(study, "val")
    assert bench.overlap("train") == pytest.approx(378 / 972)
    assert bench.overlap("held_out") == pytest.approx(108 / 972)


def test_a_curve_keeps_to_the_grid_that_is_complete() -> None:
    """A second replicate that has begun would leave three of its 81 points."""

    def keep(replicate: int, point: dict) -> bool:
        begun = (point[STEPS], point[SCALE], point[RATE]) == (76, 10, 1e-4)
        return replicate == 1 or begun

    study = study_of(as_claimed, replicates=[1, 2], keep=keep, by=SEED)
    frame = Bench(study, "test").frame
    curve = balanced(frame, study.keys, HIDDEN, "held_out", most=True)
    assert curve.values.shape == (1, 3, 27)
    verdict = balanced(frame, study.keys, HIDDEN, "held_out")
    assert verdict.values.shape == (2, 3, 1)
