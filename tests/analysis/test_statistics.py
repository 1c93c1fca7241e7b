"""Intervals, Pareto fronts, labels of values."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import proportion_confint

from snn.analysis.statistics import pareto_front, wilson
from snn.analysis.values import label, ordered


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (1, 3), (8801, 10000), (874, 1080)])
def test_wilson_against_statsmodels(hits: int, n: int) -> None:
    expected = proportion_confint(hits, n, method="wilson")
    assert wilson(hits / n, n) == pytest.approx(expected, abs=1e-12)


def test_pareto_front_by_hand() -> None:
    cost, gain = [3, 1, 2, 2, 5, 4], [0.7, 0.5, 0.5, 0.6, 0.7, 0.9]
    assert pareto_front(cost, gain) == [1, 3, 0, 5]


def test_labels_are_what_an_override_would_say() -> None:
    values = [100, 100.0, 0.01, 1e-6, 2.5e-5, None, True, [200, 100], "zero", 0.1 + 0.2]
    assert list(map(label, values)) == [
        *("100", "100", "0.01", "1e-6", "2.5e-5", "null", "true", "[200,100]", "zero"),
        "0.30000000000000004",
    ]


def test_order_of_labels() -> None:
    assert ordered(["100", "20", "1e-6"]) == ["1e-6", "20", "100"]
    assert ordered(["[200,100]", "[50]", "30", "zero"]) == ["30", "[50]", "[200,100]", "zero"]
