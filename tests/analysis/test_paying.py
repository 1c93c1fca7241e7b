"""Where more stops paying: knees that are known, and the files of one and of several sweeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snn.analysis.axes import Axis
from snn.analysis.figures.paying import paying_figure
from snn.analysis.figures.style import styled
from snn.analysis.less_is_more import sentence
from snn.analysis.paying import SPIKES, Curve, curves
from snn.cli.summary import main
from tests.analysis.grids import HIDDEN, RATE, SEED, STEPS, study_of
from tests.analysis.synthetic import write_grid

GRID = {HIDDEN: (50, 100, 200, 400), STEPS: (80, 100), RATE: (0.0, 1e-5, 1e-4)}
BY_HIDDEN = dict(zip(GRID[HIDDEN], (0.80, 0.88, 0.896, 0.90), strict=True))
BY_RATE = dict(zip(GRID[RATE], (0.0, -0.001, -0.02), strict=True))
BY_SPIKES = dict(zip(GRID[RATE], (400.0, 100.0, 20.0), strict=True))


def accuracy(point: dict) -> float:
    return BY_HIDDEN[point[HIDDEN]] + BY_RATE[point[RATE]] - 0.03 * (point[STEPS] == 80)


def curve_of(study, key: str, margin: float = 0.005) -> Curve:
    return next(curve for curve in curves(study, margin) if curve.axis.key == key)


def knee(curve: Curve) -> str:
    return curve.values[curve.knee]


def test_knees_that_are_known() -> None:
    study = study_of(
        accuracy, grid=GRID, noise=0.0002, spikes=lambda p: BY_SPIKES[p[RATE]] * p[HIDDEN] / 100
    )
    hidden, rate = curve_of(study, HIDDEN), curve_of(study, RATE)
    assert knee(hidden) == "200"  # 0.4 points behind 400 neurons
    assert knee(curve_of(study, HIDDEN, margin=0.001)) == "400"
    assert curve_of(study, HIDDEN, margin=0.001).pays_on
    assert knee(curve_of(study, HIDDEN, margin=0.03)) == "100"
    assert hidden.sizes.tolist() == [50, 100, 200, 400]
    assert hidden.accuracy[3] - hidden.accuracy[1] == pytest.approx(0.02, abs=0.001)
    # the fewest spikes come first, whichever value gives them
    assert rate.values == ("1e-4", "1e-5", "0")
    assert rate.sizes == pytest.approx([37.5, 187.5, 750.0])
    assert (rate.panel, knee(rate)) == (SPIKES, "1e-5")
    assert knee(curve_of(study, STEPS)) == "100"
    assert "More than 188 spikes per sample (regularizer=1e-5) does not pay" in sentence(
        study, rate
    )
    assert "more may pay" in sentence(study, curve_of(study, STEPS))
    assert (rate.replicates, rate.runs) == (3, 8)


def test_the_standard_error_widens_what_is_allowed() -> None:
    """By what replicates disagree in; chance that all runs of one share does not count."""
    shaken = study_of(accuracy, grid=GRID, noise=0.0002, replicate_noise=0.05)
    assert np.nanmax(curve_of(shaken, HIDDEN).error) < 0.001
    assert curve_of(shaken, HIDDEN).accuracy_sd.max() > 0.01
    apart = study_of(accuracy, grid=GRID, noise=0.0002, interaction=0.04, rng=1)
    hidden = curve_of(apart, HIDDEN)
    assert hidden.allowed[0] == pytest.approx(hidden.error[0])
    assert hidden.error[0] > 0.01


def test_one_replicate_has_the_margin_alone() -> None:
    study = study_of(accuracy, grid=GRID, replicates=[1], noise=0)
    hidden = curve_of(study, HIDDEN)
    assert np.isnan(hidden.error).all()
    assert np.isnan(hidden.accuracy_sd).all()
    assert (hidden.allowed == 0.005).all()
    assert knee(hidden) == "200"


def test_collapsed_runs_are_left_out_and_say_nothing_of_a_size() -> None:
    def collapsing(point: dict) -> float:
        return 0.1 if point[RATE] == 1e-4 else accuracy(point)

    study = study_of(collapsing, grid=GRID, noise=0, replicate_noise=0)
    assert curve_of(study, RATE).values == ("0", "1e-5")
    assert curve_of(study, HIDDEN).accuracy[3] == pytest.approx(0.90 - 0.015 - 0.0005)
    assert curve_of(study, HIDDEN).runs == 2 * 2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.1, 0.9), min_size=2, max_size=6),
    st.floats(0, 0.2),
    st.floats(0, 0.2),
)
def test_the_knee_is_the_smallest_that_is_good_enough(
    values: list[float], error: float, margin: float
) -> None:
    n = len(values)
    axis = Axis(HIDDEN, tuple(str(i) for i in range(n)), "nb_hidden")
    zeros, errors = np.zeros(n), np.full(n, error)
    curve = Curve(
        *(axis, HIDDEN, axis.levels, np.arange(n), zeros, zeros, np.array(values), zeros),
        *(errors, 3, 10, margin),
    )
    allowed = max(error, margin)
    assert max(values) - values[curve.knee] <= allowed
    assert all(max(values) - value > allowed for value in values[: curve.knee])
    assert curve.knee <= curve.best


def test_one_figure_with_three_panels() -> None:
    grid = GRID | {"model.threshold": (1.0, 2.0)}
    study = study_of(accuracy, grid=grid, replicates=[1, 2], spikes=lambda p: BY_SPIKES[p[RATE]])
    with styled():
        figure = paying_figure(study, curves(study))
    panels = figure.get_axes()
    assert [panel.get_xlabel() for panel in panels] == [
        *("hidden spikes per sample", "hidden neurons", "time steps")
    ]
    named = [text.get_text() for text in panels[0].texts]
    assert len(named) == 2  # a knee by the rate, and one by the threshold
    assert named[1].startswith("threshold=")
    assert [text.get_text() for text in panels[1].texts] == ["200"]
    low, high = panels[0].get_ylim()
    assert low < 100 * study.points["value"].min()
    assert 100 * study.points["value"].max() < high < 100
    one = study_of(accuracy, grid=GRID, noise=0, keep=lambda _, p: p[STEPS] == 80 and not p[RATE])
    with styled():
        panels = paying_figure(one, curves(one)).get_axes()
    assert [p.texts[0].get_text() for p in panels] == ["not varied", "200", "not varied"]


def test_the_command_takes_several_sweeps(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def measured(point: dict) -> dict:
        value = 0.5 + 0.001 * point[HIDDEN] - 0.2 * (point[HIDDEN] == 20)
        value -= 20 * point.get(RATE, 0.0)
        return {"val": value, "spikes": 300 - 2e5 * point.get(RATE, 0.0)}

    for name, hidden, rates in (("a", [20, 40], [0.0]), ("b", [40], [1e-4, 1e-3])):
        grid = {HIDDEN: hidden, RATE: rates, SEED: [1, 2]}
        write_grid(tmp_path / name, grid, measured)
    places = [str(tmp_path / name) for name in "ab"]
    assert main([*places, "--less-is-more"]) == 0
    assert "More than 280 spikes per sample (regularizer=1e-4)" in capsys.readouterr().out
    folder = tmp_path / "a" / "summary"
    for kind in ("png", "svg", "md", "tex", "csv"):
        assert (folder / f"less_is_more.{kind}").stat().st_size > 0
    frame = pd.read_csv(folder / "less_is_more.csv")
    rates = frame[frame["parameter"] == RATE]
    assert rates["value"].astype(float).tolist() == [1e-3, 1e-4, 0.0]
    assert rates["spikes_per_sample"].tolist() == pytest.approx([100, 280, 300])
    assert rates["stops_paying"].tolist() == [False, True, False]
    assert not (tmp_path / "b" / "summary").exists()
    assert main([*places, "--less-is-more", "--margin", "0.1"]) == 0
    rates = pd.read_csv(folder / "less_is_more.csv").query("parameter == @RATE")
    assert not rates["stops_paying"].any()  # the most spikes alone are good enough


def test_what_cannot_be_drawn_is_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_grid(tmp_path / "lr", {"optimizer.lr": [1e-3, 1e-2]}, lambda _: {})
    for words, said in (
        ([str(tmp_path / "lr"), "--less-is-more"], "sweep one, e.g. model.regularizer=0"),
        ([str(tmp_path), "--less-is-more", "--metric", "final.val.loss"], "no accuracy"),
        ([str(tmp_path / "none"), "--less-is-more"], "no such directory"),
    ):
        assert main(words) == 1
        assert said in capsys.readouterr().err
    for words, said in (
        ([str(tmp_path), "--margin", "1"], "--margin belongs to --less-is-more"),
        ([str(tmp_path), "--less-is-more", "--margin", "-1"], "0 to 100"),
        ([str(tmp_path), "--less-is-more", "--thesis"], "takes --metric and --margin alone"),
    ):
        with pytest.raises(SystemExit):
            main(words)
        assert said in capsys.readouterr().err
