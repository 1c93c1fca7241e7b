"""Verdicts on the thesis's claims, from grids whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from snn.analysis.claims.balance import points_of, whole_grid
from snn.analysis.claims.bench import Bench
from snn.analysis.claims.judge import POINTS, verdicts
from snn.analysis.claims.said import CLAIMS
from snn.analysis.claims.table import claims_of, together
from snn.analysis.claims.verdict import FAILS, HOLDS, OPEN, Finding
from snn.analysis.records import read_records
from snn.analysis.summary import summarise
from snn.analysis.thesis import THESIS
from snn.analysis.values import label
from snn.cli.summary import main
from tests.analysis.grids import (
    FASHION,
    HIDDEN,
    RATE,
    SCALE,
    SEED,
    SPLIT,
    STEPS,
    TBL,
    run_of,
    study_of,
)
from tests.analysis.synthetic import write_grid


def found(findings: Sequence[Finding], claim: str, by: str = "held_out") -> Finding:
    return next(f for f in findings if claim in f.claim.claim and f.by == by)


def as_claimed(point: dict) -> float:
    """Braille as the thesis has it: 4 points above the mean where everything is as recommended."""
    levels = {key: TBL[key].index(point[key]) for key in TBL}
    value = 0.90 + 0.01 * levels[HIDDEN] - 0.01 * levels[STEPS] + 0.01 * levels[RATE]
    return value + 0.015 * (point[SCALE] == 20)


def test_claims_that_are_true_hold() -> None:
    times = {76: 10.0, 152: 20.0, 228: 30.0}
    study = study_of(as_claimed, seconds=lambda p: times[p[STEPS]] * 100 / p[HIDDEN])
    findings = verdicts(study, "test")
    assert {f.verdict for f in findings if f.claim.kind != "reaches"} == {HOLDS}
    gain = found(findings, "gains about 4").evidence
    assert gain.low < 0.04 < gain.high
    more = found(findings, "more hidden neurons are better").evidence
    assert more.value == pytest.approx(0.02, abs=0.002)
    assert np.exp(found(findings, "run time grows", "seconds").evidence.value) == pytest.approx(
        3.0, rel=0.01
    )


def test_claims_without_any_effect_do_not_hold() -> None:
    findings = verdicts(study_of(lambda _: 0.9), "test")
    assert {f.verdict for f in findings} == {FAILS}
    assert found(findings, "more hidden neurons are better").why == "no effect that matters"


def test_claims_that_are_reversed_do_not_hold() -> None:
    def reversed_(point: dict) -> float:
        return 0.9 - 0.01 * TBL[HIDDEN].index(point[HIDDEN]) + 0.02 * (point[SCALE] == 40)

    findings = verdicts(study_of(reversed_), "test")
    assert found(findings, "more hidden neurons are better").why == "the other way round"
    assert found(findings, "a scale of 20").why == "another is better"
    assert found(findings, "a scale of 20").evidence.value == pytest.approx(-0.02, abs=0.003)


def test_an_effect_too_small_to_matter_does_not_hold() -> None:
    study = study_of(lambda p: 0.9 + 0.001 * TBL[HIDDEN].index(p[HIDDEN]), noise=0.0005)
    more = found(verdicts(study, "test"), "more hidden neurons are better")
    assert (more.verdict, more.why) == (FAILS, "an effect too small to matter")
    assert 0 < more.evidence.low < more.evidence.high < POINTS


def test_chance_between_replicates_and_values_hides_an_effect() -> None:
    """The points of a replicate are no replication: 27 runs of each value do not help."""
    study = study_of(as_claimed, interaction=0.02, noise=0.0005)
    more = found(verdicts(study, "test"), "more hidden neurons are better")
    assert (more.verdict, more.why) == (OPEN, "too much chance")


def test_what_all_runs_of_a_replicate_share_does_not_matter() -> None:
    quiet = study_of(as_claimed, replicate_noise=0.0)
    shaken = study_of(as_claimed, replicate_noise=0.03)
    for study in (quiet, shaken):
        assert found(verdicts(study, "test"), "more hidden neurons are better").verdict == HOLDS


def test_of_one_replicate_nothing_can_be_told() -> None:
    study = study_of(as_claimed, replicates=[1])
    findings = verdicts(study, "test")
    assert {f.verdict for f in findings} == {OPEN}
    assert all(f.p_for != f.p_for and f.p_against != f.p_against for f in findings)
    assert {f.why for f in findings} == {"one replicate: chance is unknown"}
    assert found(findings, "more hidden neurons are better").evidence.value == pytest.approx(
        0.02, abs=0.002
    )
    assert "run once" in claims_of(study, tests=True).warnings[0]


def test_fashion_mnist_that_collapses() -> None:
    def accuracy(point: dict) -> float:
        if point[RATE] == 1e-4:
            return 0.10
        value = 0.85 + 0.02 * FASHION[HIDDEN].index(point[HIDDEN])
        return value - 0.05 * (point[RATE] == 1e-5)

    study = study_of(accuracy, data="fashion_mnist", grid=FASHION, replicate_noise=0.001)
    findings = verdicts(study, "test")
    collapse = found(findings, "collapses")
    assert collapse.verdict == HOLDS
    assert collapse.evidence.value == pytest.approx(0.10, abs=0.01)
    assert found(findings, "hidden neurons matter more").verdict == HOLDS
    assert found(findings, "the regulariser matters more").verdict == HOLDS
    assert found(findings, "a rate of 1e-6").verdict == HOLDS
    assert found(findings, "100 steps are best").verdict == FAILS
    assert "81 of 243 runs collapsed" in claims_of(study, tests=True).table.note
    learns = study_of(lambda _: 0.85, data="fashion_mnist", grid=FASHION)
    assert found(verdicts(learns, "test"), "collapses").why == "it learns"


SHD = {HIDDEN: (100, 150, 200), STEPS: (80, 100, 120), SCALE: (80, 100, 120)}
SHD[RATE] = (2e-7, 2e-6, 2e-5)


def test_shd_where_the_scale_changes_only_the_time_and_time_jumps() -> None:
    rates = dict(zip(SHD[RATE], (0.70, 0.75, 0.60), strict=True))
    times = {80: 5200.0, 100: 5400.0, 120: 9000.0}
    study = study_of(
        lambda p: rates[p[RATE]],
        data="shd",
        grid=SHD,
        seconds=lambda p: times[p[STEPS]] * (1 + p[SCALE] / 400),
    )
    findings = verdicts(study, "test")
    for claim, by in (
        ("the scale does not change accuracy", "held_out"),
        ("the scale changes the run time", "seconds"),
        ("the regulariser matters", "held_out"),
        ("a rate of 2e-6", "held_out"),
        ("run time jumps", "seconds"),
    ):
        assert found(findings, claim, by).verdict == HOLDS, claim
    linear = study_of(lambda _: 0.7, data="shd", grid=SHD, seconds=lambda p: float(p[STEPS]))
    findings = verdicts(linear, "test")
    assert found(findings, "run time jumps", "seconds").why == "the other way round"
    assert found(findings, "the scale changes the run time", "seconds").verdict == FAILS
    assert found(findings, "the regulariser matters").verdict == FAILS
    shaped = study_of(lambda p: 0.7 + p[SCALE] / 1000, data="shd", grid=SHD)
    changes = found(verdicts(shaped, "test"), "the scale does not change accuracy")
    assert (changes.verdict, changes.why) == (FAILS, "values differ")
    assert any("not the Spiking Heidelberg" in w for w in claims_of(study, tests=True).warnings)


def test_an_unfinished_sweep_is_judged_by_what_all_replicates_have() -> None:
    """The third replicate has only begun; the second lacks the largest networks' last points."""

    def keep(replicate: int, point: dict) -> bool:
        if replicate == 3:
            return point[HIDDEN] == 100 and point[STEPS] == 76
        return replicate == 1 or point[HIDDEN] < 300 or point[STEPS] == 76

    study = study_of(as_claimed, keep=keep)
    bench = Bench(study, "test")
    assert points_of(bench.frame, study.keys) == {"seed=1": 81, "seed=2": 63, "seed=3": 9}
    findings = verdicts(study, "test")
    more = found(findings, "more hidden neurons are better")
    # of 100, 200 and 300 neurons both have the 9 combinations with 76 steps; of 100 and 200 all 27
    assert (more.levels, more.replicates, more.points) == (("100", "200", "300"), 2, 27)
    largest = found(findings, "300 or more")
    assert (largest.levels, largest.replicates, largest.points) == (("100", "200", "300"), 2, 27)
    gain = found(findings, "gains about 4")
    assert (gain.replicates, gain.verdict) == (1, OPEN)
    begun = study_of(as_claimed, keep=lambda _, p: p[HIDDEN] == 100)
    findings = verdicts(begun, "test")
    assert found(findings, "more hidden neurons are better").why == "not varied"
    assert found(findings, "gains about 4").why == "the combination was not run"
    missing = study_of(as_claimed, keep=lambda _, p: p[HIDDEN] < 300)
    assert found(verdicts(missing, "test"), "300 or more").why == "300 was not run"


def test_splits_that_share_samples_widen_the_error() -> None:
    counts = {"train": 800, "val": 0, "test": 200}
    seeds, splits = (
        verdicts(study_of(as_claimed, by=by, samples=counts), "test") for by in (SEED, SPLIT)
    )
    more = [found(findings, "more hidden neurons are better") for findings in (seeds, splits)]
    wide = [f.evidence.high - f.evidence.low for f in more]
    assert wide[1] / wide[0] == pytest.approx(np.sqrt((1 / 3 + 0.25) / (1 / 3)))
    timed = [found(findings, "run time grows", "seconds") for findings in (seeds, splits)]
    assert timed[0].evidence == timed[1].evidence  # times have no samples


def test_accuracies_that_are_all_the_same_are_known_to_a_sample() -> None:
    counts = {"train": 200, "test": 200}
    study = study_of(lambda _: 0.98, noise=0, replicate_noise=0, samples=counts)
    more = found(verdicts(study, "test"), "more hidden neurons are better")
    assert more.verdict == FAILS
    assert 0 < more.evidence.high < POINTS
    _, grid = whole_grid(Bench(study, "test").frame, study.keys, "held_out")
    assert grid.shape == (3, 3, 3, 3, 3)


def test_times_of_runs_on_different_machines_are_not_compared() -> None:
    grid = {STEPS: (76, 152)}
    study = study_of(lambda _: 0.9, grid=grid)
    for i, run in enumerate(study.runs):
        run.status["host"] = f"machine{i % 2}"
    time = found(verdicts(study, "test"), "run time grows", "seconds")
    assert time.evidence is None
    assert "differ in machine" in time.why


def test_runs_beside_each_other_are_counted() -> None:
    runs = [run_of({SEED: i}, 0.5, number=i) for i in range(4)]
    assert together(runs) == 0
    runs[0].result["end"] = "2026-11-20T00:02:10+00:00"  # over the second and the third
    assert together(runs) == 3
    runs[0].status["host"] = "another"
    assert together(runs) == 0


def test_every_claim_of_the_thesis_is_of_its_grid() -> None:
    """The recommended values of the tables are among the claims, and in the grid's files."""
    import yaml

    from snn.places import config_dir

    for data, claims in CLAIMS.items():
        sweep = yaml.safe_load((config_dir() / "sweep" / f"{data}.yaml").read_text())
        params = sweep["hydra"]["sweeper"]["params"]
        grid = {k: [label(float(v)) for v in str(t).split(",")] for k, t in params.items()}
        assert THESIS[data].grid == {key: tuple(values) for key, values in grid.items()}
        for claim in claims:
            assert set(claim.named) <= set(grid.get(claim.key, ())), claim.claim
            assert all(value in grid[key] for key, value in claim.point.items()), claim.claim
        best_values = {c.key: c.value for c in claims if c.kind == "best"}
        for key, (value, _) in THESIS[data].recommended.items():
            said = label(float(value))
            assert best_values[key] == ("80" if (data, said) == ("shd", "75") else said)


@pytest.mark.usefixtures("no_figures")
def test_the_summary_has_the_verdicts(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    grid = {HIDDEN: (100, 300), STEPS: (76, 152), SPLIT: (1, 2, 3)}

    def measured(point: dict) -> dict:
        value = 0.7 + 0.02 * (point[HIDDEN] == 300) + 0.003 * point[SPLIT]
        return {"val": value, "train": value + 0.1, "test": value - 0.4}

    write_grid(tmp_path, grid, measured, data="tbl", nb_classes=27)
    assert main([str(tmp_path)]) == 0
    assert "judgements 4 hold" in capsys.readouterr().out
    folder = tmp_path / "summary"
    text = (folder / "claims.md").read_text()
    assert "validation accuracy" in text
    assert "test accuracy" not in text
    frame = pd.read_csv(folder / "claims.csv").set_index(["claim", "judged_by"])
    row = frame.loc["more hidden neurons are better", "validation accuracy"]
    assert row["effect"] == pytest.approx(2.0)
    assert (row["verdict"], row["replicates"], row["points"]) == (HOLDS, 3, 4)
    assert frame.loc["a scale of 20 is best", "training accuracy"]["why"] == "not varied"
    assert "The thesis&#x27;s claims" in (folder / "report.html").read_text()
    assert main([str(tmp_path), "--thesis"]) == 0
    assert "test accuracy" in (folder / "claims.md").read_text()


@pytest.mark.usefixtures("no_figures")
def test_other_data_and_other_parameters_have_no_claims(tmp_path: Path) -> None:
    write_grid(tmp_path / "a", {HIDDEN: [1, 2], SEED: [1, 2]}, lambda _: {})
    write_grid(tmp_path / "b", {"optimizer.lr": [1e-3, 1e-2]}, lambda _: {}, data="tbl")
    for name in "ab":
        summarise(read_records(tmp_path / name))
        assert not (tmp_path / name / "summary" / "claims.md").exists()
