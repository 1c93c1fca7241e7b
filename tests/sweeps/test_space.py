"""Spaces to search: what Hydra's syntax means, and what is refused."""

from __future__ import annotations

import pytest

from snn.errors import SnnError
from snn.runs.search_plan import Dimension
from snn.sweeps.search.objectives import check_validated, chosen, excess, measured
from snn.sweeps.search.sampler import check_numbers, seed_of
from snn.sweeps.search.space import make_space
from tests.requirements import needs


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("interval(0,1)", Dimension(0.0, 1.0)),
        ("int(interval(50,400))", Dimension(50, 400, whole=True)),
        ("tag(log,interval(1e-4,1e-2))", Dimension(1e-4, 1e-2, log=True)),
        ("tag(log,int(interval(8,512)))", Dimension(8, 512, whole=True, log=True)),
        ("range(76,305,76)", Dimension(76, 304, whole=True, step=76)),
        ("range(0,1,0.25)", Dimension(0, 0.75, step=0.25)),
        ("adam,sgd", Dimension(choices=("adam", "sgd"))),
        ("choice([1,2],3)", Dimension(choices=("[1,2]", "3"))),
    ],
)
def test_what_is_written_is_what_is_searched(text: str, dimension: Dimension) -> None:
    assert make_space([f"a.b={text}"], {}).dimensions == {"a.b": dimension}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a=1", "nothing to search"),
        ("seed=1,2", "a search has one value of it"),
        ("a=tag(log,interval(0,1))", "begins above 0"),
        ("a=interval(1,0.1)", "from a smaller number to a larger one"),
        ("a=tag(lin,interval(0,1))", "unknown tag lin"),
        ("a=interval(0,1),3", "values or one interval"),
        ("a=range(3,1,-1)", "goes upwards"),
    ],
)
def test_what_cannot_be_searched_is_refused(text: str, said: str) -> None:
    with pytest.raises(SnnError, match=said):
        make_space([text], {})


def test_a_line_holds_all_digits_and_what_all_points_share() -> None:
    space = make_space(
        [
            "+a.new=interval(0,1)",
            "optimizer=adam,sgd",
            "data=tbl",
            "search=optuna",
            "search.seed=2",
        ],
        {"model.scale": "1,2", "optimizer": "x,y"},
    )
    assert space.search == ("search=optuna", "search.seed=2")
    values = {"a.new": 0.12345678901234566, "optimizer": "sgd", "model.scale": "2"}
    assert sorted(space.line(values)) == [
        "+a.new=0.12345678901234566", "data=tbl", "model.scale=2", "optimizer=sgd"
    ]  # fmt: skip
    assert len(space.corners()) == 4  # the first, and each other end or choice by itself


def test_all_values_of_a_grid() -> None:
    space = make_space(["a=range(1,6,2)", "b=int(interval(1,3))", "c=x,y"], {})
    assert space.grid() == {"a": [1, 3, 5], "b": [1, 2, 3], "c": ["x", "y"]}
    with pytest.raises(SnnError, match="search/sampler=grid: a is an interval"):
        make_space(["a=interval(0,1)"], {}).grid()


@needs("optuna")
def test_words_for_numbers_are_refused() -> None:
    node = {"_target_": "optuna.samplers.TPESampler", "n_startup_trials": "x"}
    with pytest.raises(SnnError, match="n_startup_trials='x': must be a whole number"):
        check_numbers("sampler", node)
    check_numbers("sampler", node | {"n_startup_trials": 3})
    assert seed_of(1, 0) != seed_of(1, 1) != seed_of(2, 1)


def test_objectives_of_a_record() -> None:
    record = {
        "metrics.best.val.accuracy": 0.9,
        "metrics.best.val.loss": None,
        "metrics.best.val.hidden0/spikes_per_sample": 3.0,
        "metrics.best.val.hidden1/spikes_per_sample": 4.0,
        "metrics.best.test.accuracy": 1.0,
        "fit_seconds": 5,
    }
    assert measured(record) == {"accuracy": 0.9, "spikes": 7.0, "seconds": 5.0}
    assert measured(record | {"together": 1}) == measured(record)
    assert measured(record | {"together": 3}) == {"accuracy": 0.9, "spikes": 7.0}
    beyond = excess({"accuracy": 0.5, "spikes": 7.0}, {"accuracy": 0.75, "spikes": 8.0})
    assert beyond == {"accuracy": 0.25, "spikes": -1.0}
    with pytest.raises(SnnError, match="there are accuracy, loss"):
        chosen(["test"])
    config = {"data": {"val_fraction": 0}, "callbacks": {"best": {}}}
    with pytest.raises(SnnError, match="leaves none"):
        check_validated(config, ["seconds", "accuracy"])
    check_validated(config, ["seconds", "parameters"])
