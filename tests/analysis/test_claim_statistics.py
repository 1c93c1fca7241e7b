"""The statistics behind verdicts: balanced parts, pooled errors, evidence for and against."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.anova import AnovaRM
from statsmodels.stats.multitest import multipletests

from snn.analysis.claims.balance import balanced, replicate_names
from snn.analysis.claims.bench import Bench
from snn.analysis.claims.estimate import LevelMeans, over_replicates
from snn.analysis.claims.evidence import best, differ, same, towards, within
from snn.analysis.claims.judge import POINTS
from snn.analysis.claims.said import CLAIMS
from snn.analysis.claims.verdict import HOLDS, Finding, corrected, holm
from tests.analysis.grids import HIDDEN, SCALE, SEED, SPLIT, study_of


def test_values_where_all_runs_collapse_do_not_make_others_look_precise() -> None:
    means = np.array([[0.90, 0.80, 0.1], [0.93, 0.79, 0.1], [0.91, 0.84, 0.1]])
    whole, apart = LevelMeans(means), LevelMeans(means, spread=(0, 1))
    own = LevelMeans(means, pooled=False)
    assert apart.difference(0, 1).error == pytest.approx(own.difference(0, 1).error)
    assert apart.difference(0, 1).df == 2
    assert whole.difference(0, 1).df == 4


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_balanced_part_is_balanced(data: st.DataObject) -> None:
    """Every entry is there, and no other choice of replicates and values has more of them."""
    points = [(r, h, s) for r in (1, 2, 3) for h in (100, 200, 300) for s in (10, 20)]
    kept = data.draw(st.sets(st.sampled_from(points), min_size=8))
    study = study_of(
        lambda p: p[HIDDEN] / 1000 + p[SCALE] / 1e4,
        grid={HIDDEN: (100, 200, 300), SCALE: (10, 20)},
        keep=lambda r, p: (r, p[HIDDEN], p[SCALE]) in kept,
        noise=0,
        replicate_noise=0,
    )
    bench = Bench(study, "test")
    if HIDDEN not in study.keys or SCALE not in study.keys:
        return
    part = balanced(bench.frame, study.keys, HIDDEN, "held_out")
    sizes = []
    shown = [int(level) for level in study.axis(HIDDEN).levels]
    for levels in [(100, 200), (100, 300), (200, 300), (100, 200, 300)]:
        for replicates in [(1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3)]:
            blocks = sum(
                all((r, h, s) in kept for r in replicates for h in levels) for s in (10, 20)
            )
            sizes.append(((len(replicates) - 1) * (len(levels) - 1) * blocks, blocks))
    if part is None:
        assert not any(blocks for _, blocks in sizes)
        return
    assert not np.isnan(part.values).any()
    repeats, levels, blocks = part.values.shape
    assert (repeats - 1) * (levels - 1) * blocks == max(size for size, _ in sizes)
    hidden = np.array([shown[level] for level in part.levels]) / 1000
    steps = part.values - hidden[None, :, None]
    assert np.allclose(steps, steps[:1, :1])  # the same blocks at each level, in each replicate


def test_of_many_replicates_those_with_most_count() -> None:
    study = study_of(
        lambda p: p[HIDDEN] / 1000,
        grid={HIDDEN: (100, 200), SCALE: (10, 20, 40)},
        replicates=range(1, 13),
        keep=lambda seed, p: seed < 11 or p[SCALE] == 10,
    )
    part = balanced(Bench(study, "test").frame, study.keys, HIDDEN, "held_out")
    assert part.values.shape == (10, 2, 3)
    assert "seed=12" not in part.replicates


def test_replicates_are_splits_where_these_vary_and_seeds_of_one_split_are_averaged() -> None:
    study = study_of(
        lambda p: 0.5 + p[HIDDEN] / 1000 + p[SPLIT] / 100 + p[SEED] / 1000,
        grid={HIDDEN: (100, 200), SEED: (1, 2)},
        replicates=(1, 2),
        by=SPLIT,
        noise=0,
        replicate_noise=0,
    )
    assert study.keys == [HIDDEN]
    assert study.frame["repeat"].nunique() == 4
    assert set(replicate_names(study)) == {"split_seed=1", "split_seed=2"}
    part = balanced(Bench(study, "test").frame, study.keys, HIDDEN, "held_out")
    assert np.allclose(part.means, [[0.6115, 0.7115], [0.6215, 0.7215]])


def test_pooled_error_by_hand() -> None:
    means = np.array([[1.0, 2.0, 4.0], [2.0, 4.0, 5.5], [3.0, 3.0, 6.0]])
    rest = means - means.mean(0) - means.mean(1, keepdims=True) + means.mean()
    square = (rest**2).sum() / 4
    difference = LevelMeans(means).difference(2, 0)
    assert (difference.value, difference.df) == (pytest.approx(19 / 6), 4)
    assert difference.error == pytest.approx(np.sqrt(2 * square / 3))
    own = LevelMeans(means, pooled=False).difference(2, 0)
    expected = stats.ttest_1samp(means[:, 2] - means[:, 0], 0)
    assert own.p_above() == pytest.approx(expected.pvalue)


def test_a_verdict_that_rests_on_the_shared_error_says_so() -> None:
    claim = next(claim for claim in CLAIMS["tbl"] if claim.kind == "rises")

    def verdict(gains: list[float]) -> Finding:
        """Of a largest value that gains so much over the smallest, the middle one half of it."""
        means = LevelMeans(np.array([[0.9, 0.9 + gain / 2, 0.9 + gain] for gain in gains]))
        alone = replace(means, pooled=False).difference(2, 0)
        found = towards(means.difference(2, 0), POINTS)
        finding = Finding(claim, "held_out", evidence=found, p_own=alone.p_above())
        return corrected([finding])[0]

    # 2 ± 1 points: t is 3.46 with two degrees of freedom, 4.90 with four
    assert verdict([0.01, 0.02, 0.03]).verdict == HOLDS
    assert verdict([0.01, 0.02, 0.03]).why == "by the shared error; p for is 0.074 by its own"
    assert (verdict([0.019, 0.02, 0.021]).verdict, verdict([0.019, 0.02, 0.021]).why) == (HOLDS, "")


def test_the_f_test_is_that_of_repeated_measures() -> None:
    means = np.random.default_rng(1).normal(size=(4, 3)) + np.array([0, 1, 2])
    long = pd.DataFrame(means).melt(ignore_index=False, var_name="level").reset_index()
    table = AnovaRM(long, "value", "index", within=["level"]).fit().anova_table
    assert LevelMeans(means).p_any() == pytest.approx(table["Pr > F"].iloc[0])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.permutations(range(3)), st.floats(-1, 1))
def test_evidence_does_not_depend_on_order_or_level(seed, order, shift) -> None:
    means = np.random.default_rng(seed).normal(size=(3, 3))
    for judge in (lambda m: differ(m, 0.5), lambda m: same(m, 0.5)):
        first = judge(LevelMeans(means))
        moved = judge(LevelMeans(means[list(order)][:, list(order)] + shift))
        for name in ("value", "low", "high", "p_for", "p_against"):
            assert getattr(first, name) == pytest.approx(getattr(moved, name), abs=1e-9)
    lead = best(LevelMeans(means), 0, 0.5)
    assert lead.low <= lead.value <= lead.high
    assert lead.value == pytest.approx(means.mean(0)[0] - means.mean(0)[1:].max())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3))
def test_without_correction_p_and_interval_agree(values: list[float]) -> None:
    mean = over_replicates(values, least=1e-6)
    found = towards(mean, 0.2)
    assert (found.p_for < 0.05) == (found.low > 0)
    assert (found.p_against < 0.05) == (found.high < 0.2)
    inside = within(mean, -0.3, 0.3)
    assert (inside.p_for < 0.05) == (inside.low > -0.3 and inside.high < 0.3)
    assert (inside.p_against < 0.05) == (inside.low > 0.3 or inside.high < -0.3)


def test_of_grids_without_effects_few_have_a_claim_that_holds() -> None:
    """The family-wise error, where only chance distinguishes values: at most 5 %, and some room."""
    rng, wrong, grids = np.random.default_rng(3), 0, 150
    for _ in range(grids):
        ps = []
        for _claim in range(9):
            means = LevelMeans(rng.normal(0, 0.01, size=(3, 3)))
            ps.append(towards(means.difference(2, 0), POINTS).p_for)
        wrong += min(ps) * len(ps) < 0.05
    assert wrong / grids < 0.05 + 3 * np.sqrt(0.05 * 0.95 / grids)


@settings(max_examples=5, deadline=None)  # statsmodels collects garbage each time
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.integers(0, 12))
def test_holm_is_that_of_statsmodels_and_leaves_out_what_is_unknown(ps: list, at: int) -> None:
    expected = multipletests(ps, method="holm")[1]
    assert holm(ps) == pytest.approx(expected)
    found = holm([*ps[:at], np.nan, *ps[at:]])
    assert found[~np.isnan(found)] == pytest.approx(expected)
    assert np.isnan(found).sum() == 1
