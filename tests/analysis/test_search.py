"""The summary of a search: parameters on their own scales, nothing that is only true of grids."""

from __future__ import annotations

import math
import random
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from snn.analysis.figures.best_so_far import best_so_far, compared_courses
from snn.analysis.figures.scales import is_logarithmic
from snn.analysis.progress import planned_names, progress
from snn.analysis.records import read_records
from snn.analysis.study import Study, studies
from snn.analysis.summary import summarise
from snn.cli.summary import main
from snn.errors import PrunedError
from snn.runs import read_json, recorded, write_json
from snn.runs.search_plan import Dimension, SearchPlan, searches, write_search
from snn.runs.sweep_plan import write_plan
from snn.sweeps.search.space import make_space
from tests.analysis.synthetic import write_run

SPACE = {
    "optimizer.lr": Dimension(1e-5, 1e-1, log=True),
    "model.nb_hidden": Dimension(20, 200, whole=True),
    "model.reset": Dimension(choices=("zero", "subtract")),
}


def write_trials(directory: Path, count: int, limits: dict | None = None) -> None:
    """A search whose best rate is 1e-3 and whose largest networks are best."""
    chance = random.Random(1)
    about = {
        "sampler": {"_target_": "optuna.samplers.TPESampler"},
        "seed": 1,
        "limits": limits or {},
        "storage": "journal",
    }
    fixed = ("test=false",)
    write_search(
        directory, SearchPlan("tpe-1", SPACE, ("accuracy",), 30, ("search=optuna",), fixed, about)
    )
    for i in range(count):
        rate, size = 10 ** chance.uniform(-5, -1), chance.randint(20, 200)
        reset = chance.choice(["zero", "subtract"])
        far = abs(math.log10(rate) + 3)
        value = max(0.1, 0.9 - 0.6 * far + 0.1 * size / 200)
        point = {"optimizer.lr": rate, "model.nb_hidden": size, "model.reset": reset}
        write_run(directory / f"r{i}", point, val=value, train=value, tested=False, curve=[value])


def study_of(directory: Path) -> Study:
    (study,) = studies(read_records(directory), None)
    return study


def test_a_search_reads_as_one(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_trials(tmp_path, 24)
    assert main([str(tmp_path)]) == 0
    text = capsys.readouterr().out
    for word in ("grid", "averaged over all other", "recommended combination", "shared (not"):
        assert word not in text.lower()
    assert "Points were drawn by TPE (seed 1), seeking validation accuracy." in text
    assert "Where the good points lie" in text
    written = {file.stem for file in (tmp_path / "summary").glob("*.png")}
    assert {"values_lr", "values_nb_hidden", "best_so_far", "effects", "parallel"} <= written
    assert not {"main_effects", "interactions"} & written
    page = (tmp_path / "summary" / "report.html").read_text()
    captions = " ".join(re.findall(r"<figcaption>(.*?)</figcaption>", page, re.S))
    assert "grid" not in captions
    table = (tmp_path / "summary" / "collapsed.md").read_text()
    assert "| lr |" not in table
    assert "| nb_hidden |" not in table


def test_shares_are_never_negative_and_add_up(tmp_path: Path) -> None:
    write_trials(tmp_path, 24)
    sections = summarise(read_records(tmp_path), quick=True).sections
    (table,) = [t for s in sections for t in s.tables if t.name == "effects"]
    shares = {row[0]: float(row[1]) for row in table.rows}
    assert min(shares.values()) >= 0
    assert sum(v for k, v in shares.items() if k != "sum") == pytest.approx(100, abs=0.3)
    assert max(shares, key=lambda key: shares[key] * (key != "sum")) == "lr"


def test_it_goes_on_in_a_narrower_space(tmp_path: Path) -> None:
    write_trials(tmp_path, 24)
    sections = summarise(read_records(tmp_path), quick=True).sections
    (text,) = [c for s in sections for c in s.commands if "search=optuna" in c and "interval" in c]
    words = shlex.split(text.splitlines()[1])[3:]
    assert "test=false" in words
    space = make_space(words, {}).dimensions
    rate = space["optimizer.lr"]
    assert rate.log
    assert 1e-5 < rate.low < 1e-3 < rate.high < 1e-1
    assert space["model.nb_hidden"].whole
    assert make_space(words, {}).search == ("search=optuna",)


def test_few_trials_get_few_words(tmp_path: Path) -> None:
    write_trials(tmp_path, 5)
    summary = summarise(read_records(tmp_path), quick=True)
    names = {table.name for section in summary.sections for table in section.tables}
    assert not names & {"regions", "effects", "values", "recommended", "ablation"}
    said = [text for section in summary.sections for text in section.paragraphs]
    assert "5 points are too few to tell what matters among 3 parameters; 18 would do." in said


def test_axes_are_those_of_the_search(tmp_path: Path) -> None:
    write_trials(tmp_path, 5)
    study = study_of(tmp_path)
    assert study.is_search
    assert {axis.key: axis.is_search for axis in study.axes.axes} == {
        "optimizer.lr": True,
        "model.nb_hidden": True,
        "model.reset": False,
    }
    assert is_logarithmic(study.axis("optimizer.lr"))
    assert not is_logarithmic(study.axis("model.nb_hidden"))


def test_points_beyond_a_limit_are_not_the_best(tmp_path: Path) -> None:
    write_trials(tmp_path, 12, {"synops": 11_000})
    before = study_of(tmp_path)
    place = int(before.frame["metric"].idxmax())
    run = before.runs[place]
    result = read_json(run.path / "result.json")
    write_json(run.path / "result.json", result | {"metrics.best.val.synops_per_sample": 12_000})
    study = study_of(tmp_path)
    assert np.isnan(study.frame["metric"].iloc[place])
    assert study.points["value"].iloc[0] < before.points["value"].iloc[0]
    assert any("1 of 12 runs lie beyond" in note for note in study.notes)


def test_pruned_runs_are_counted_and_are_no_failures(tmp_path: Path) -> None:
    write_trials(tmp_path, 3)
    run = write_run(tmp_path / "stopped", {"optimizer.lr": 0.5})
    (run / "result.json").unlink()
    with pytest.raises(PrunedError), recorded(run / "status.json", {}):
        raise PrunedError("stopped after epoch 2 of 10")
    write_plan(tmp_path, [(f"r{i}", []) for i in range(3)], [], total=10)
    records = read_records(tmp_path)
    now = progress(records, None, planned_names(tmp_path))
    assert now.line().startswith("3 done, 0 running, 0 failed, 1 pruned, 6 left of 10")
    summary = summarise(records, quick=True)
    assert summary.lead == "4 runs: 3 completed, 1 pruned."
    assert "unfinished" not in {t.name for s in summary.sections for t in s.tables}


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    first = SearchPlan("a", SPACE, ("accuracy", "synops"), 5, ("search=optuna",), (), {"seed": 1})
    second = SearchPlan("b", {}, ("loss",), 7)
    for plan in (first, second, first):
        write_search(tmp_path, plan)
    assert searches(tmp_path) == [second, first]
    (tmp_path / "search.json").write_text("{")
    assert searches(tmp_path) == []


def test_the_best_so_far() -> None:
    assert best_so_far([math.nan, 1.0, 0.5, math.nan, 2.0]).tolist()[1:] == [1.0, 1.0, 1.0, 2.0]
    figure = compared_courses(
        {"tpe": [[1.0, 2.0], [0.0, 3.0, 4.0]], "grid": [np.arange(5.0)]}, "value", level=("all", 4)
    )
    (panel,) = figure.axes
    assert [text.get_text() for text in panel.get_legend().get_texts()] == [
        "tpe (mean of 2)", "grid", "all"
    ]  # fmt: skip
