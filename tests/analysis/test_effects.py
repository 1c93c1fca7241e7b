"""Variance decomposition: by hand, against statsmodels, and where the grid has holes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from snn.analysis.effects import HIGHER, MAIN, PAIR, RESIDUAL, SHARED, decompose
from snn.analysis.fitted import fit


def frame_of(sizes: dict[str, int], repeats: int, seed: int = 0) -> pd.DataFrame:
    """A random full factorial with main effects, interactions and noise."""
    random = np.random.default_rng(seed)
    rows = []
    for cell in product(*map(range, sizes.values())):
        for _ in range(repeats):
            rows.append([*cell, 0.1 * cell[0] + 0.05 * cell[0] * cell[-1] + random.normal(0, 0.1)])
    return pd.DataFrame(rows, columns=[*sizes, "metric"])


def shares(found) -> dict:
    return {(e.keys or e.kind): e.share for e in found.effects}


def test_by_hand() -> None:
    # Cell means 0.6 0.8 / 0.7 0.5, mean 0.65: a is worth 0.05 either way, b nothing, a x b 0.1;
    # two seeds lie 0.1 from each cell's mean. Sums of squares of 8 runs: 0.02, 0, 0.08, 0.08.
    values = {(0, 0): (0.5, 0.7), (0, 1): (0.7, 0.9), (1, 0): (0.6, 0.8), (1, 1): (0.4, 0.6)}
    rows = [(a, b, v) for (a, b), pair in values.items() for v in pair]
    found = decompose(pd.DataFrame(rows, columns=["a", "b", "metric"]), ["a", "b"])
    expected = {("a",): 1 / 9, ("b",): 0.0, ("a", "b"): 4 / 9, RESIDUAL: 4 / 9}
    assert shares(found) == pytest.approx(expected)
    assert sum(shares(found).values()) == pytest.approx(1.0)
    omega = {e.keys: e.omega_sq for e in found.effects}
    assert omega[("a",)] == pytest.approx(0.0, abs=1e-12)
    assert omega[("a", "b")] == pytest.approx(0.06 / 0.20)
    assert omega[()] is None
    assert found.exact
    assert found.sd == pytest.approx(np.sqrt(0.18 / 8))


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("sizes", [{"a": 3, "b": 4, "c": 2}, {"a": 2, "b": 3, "c": 3, "d": 2}])
def test_against_statsmodels(sizes: dict[str, int], repeats: int) -> None:
    frame = frame_of(sizes, repeats)
    frame = frame.sample(frac=1.0, random_state=1, ignore_index=True)  # order must not matter
    found = decompose(frame, list(sizes))
    terms = [f"C({key})" for key in sizes]
    table = anova_lm(smf.ols(f"metric ~ ({' + '.join(terms)}) ** 2", frame).fit(), typ=2)
    for effect in [*found.of_kind(MAIN), *found.of_kind(PAIR)]:
        row = table.loc[":".join(f"C({key})" for key in effect.keys)]
        assert effect.sum_sq == pytest.approx(row["sum_sq"])
        assert effect.df == row["df"]
    total = ((frame["metric"] - frame["metric"].mean()) ** 2).sum()
    # What statsmodels leaves over is ours of higher order and over seeds.
    rest = sum(e.sum_sq for e in found.effects if e.kind in (HIGHER, RESIDUAL))
    assert rest == pytest.approx(table.loc["Residual", "sum_sq"], abs=1e-9)
    assert sum(e.sum_sq for e in found.effects) == pytest.approx(total)
    assert sum(e.share for e in found.effects) == pytest.approx(1.0)
    assert sum(e.df for e in found.effects) == len(frame) - 1


def test_fit_of_a_grid_with_holes_against_statsmodels() -> None:
    frame = frame_of({"a": 3, "b": 3, "c": 2}, repeats=2).drop(index=[0, 5, 6, 20])
    keys = ["a", "b", "c"]
    found = fit(frame, keys, dict.fromkeys(keys))
    model = smf.ols("metric ~ (C(a) + C(b) + C(c)) ** 2", frame).fit()
    table = anova_lm(model, typ=2)
    for effect in [*found.of_kind(MAIN), *found.of_kind(PAIR)]:
        row = table.loc[":".join(f"C({key})" for key in effect.keys)]
        assert effect.sum_sq == pytest.approx(row["sum_sq"], abs=1e-12)
        assert effect.df == row["df"]
    assert found.of_kind(RESIDUAL)[0].sum_sq == pytest.approx(model.ssr)
    assert sum(shares(found).values()) == pytest.approx(1.0)
    assert found.of_kind(SHARED)
    assert not found.exact
    assert "Not a full, balanced grid" in found.note


def test_fit_of_a_full_grid_is_the_exact_decomposition() -> None:
    frame = frame_of({"a": 3, "b": 2}, repeats=3)
    exact, fitted = decompose(frame, ["a", "b"]), fit(frame, ["a", "b"], {"a": None, "b": None})
    assert shares(fitted).pop(SHARED) == pytest.approx(0.0, abs=1e-12)
    for key, share in shares(exact).items():
        assert shares(fitted)[key] == pytest.approx(share)


def test_a_pair_with_an_empty_cell_is_not_fitted() -> None:
    frame = frame_of({"a": 3, "b": 3}, repeats=2)
    frame = frame[~((frame["a"] == 0) & (frame["b"] == 0))]
    found = fit(frame, ["a", "b"], {"a": None, "b": None})
    assert not found.of_kind(PAIR)
    assert "0 of 1" in found.note


def test_many_values_are_fitted_by_a_parabola() -> None:
    x = np.geomspace(1e-5, 1e-1, 40)
    frame = pd.DataFrame({"lr": range(40), "metric": 0.9 - 0.02 * (np.log10(x) + 3) ** 2})
    found = fit(frame, ["lr"], {"lr": list(x)})
    assert shares(found)[("lr",)] == pytest.approx(1.0)
    assert found.of_kind(MAIN)[0].df == 2


@pytest.mark.parametrize("same", [True, False])
def test_too_few_runs_are_not_fitted(same: bool) -> None:
    frame = pd.DataFrame({"a": [0, 1, 2], "b": [0, 1, 1], "metric": [0.5, 0.6, 0.7]})
    if same:
        frame["metric"] = 0.5
    assert fit(frame, ["a", "b"], {"a": None, "b": None}) is None


def test_an_axis_of_which_one_value_is_left() -> None:
    frame = frame_of({"a": 2, "b": 3}, repeats=2)
    found = fit(frame[frame["a"] == 1], ["a", "b"], {"a": None, "b": None})
    assert [e.keys for e in found.of_kind(MAIN)] == [("b",)]
