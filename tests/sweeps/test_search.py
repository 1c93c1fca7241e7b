"""Searches as users run them: points drawn, trained and told; the same command goes on."""

from __future__ import annotations

import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from snn.runs import read_json
from snn.runs.search_plan import SearchPlan
from snn.sweeps.search.listing import _as_good
from snn.sweeps.search.storage import LOCKS, open_storage
from tests.commands import command, same_weights, weights
from tests.requirements import needs
from tests.sweeps.grids import (
    await_checkpoint,
    epochs_trained,
    run_directories,
    start,
    states,
    sweep,
    swept,
)
from tests.sweeps.mishaps import mishap
from tests.sweeps.searches import SEARCH, SPACE, assert_agree, drawn, study_of, times_told
from tests.sweeps.test_sweep import stamps

pytestmark = needs("optuna")
FOUR = (*SEARCH, *SPACE, "search.n_trials=4")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search at its end; copy it before touching it."""
    return swept(tmp_path_factory.mktemp("search"), *FOUR)


@pytest.fixture
def copied(done: Path, tmp_path: Path) -> Path:
    return shutil.copytree(done, tmp_path / "search")


def test_records_and_study_agree(done: Path) -> None:
    assert set(states(done).values()) == {"completed"}
    assert len(drawn(done)) == 4
    assert_agree(done)
    plan = read_json(done / "sweep.json")
    assert plan["total"] == 4
    assert set(plan["points"]) == set(run_directories(done))
    for run in run_directories(done).values():  # a record says how to train the run, not the search
        assert not [o for o in read_json(run / "result.json")["overrides"] if "search" in o]


@pytest.mark.seconds(3)
def test_the_same_command_trains_nothing_and_a_larger_number_goes_on(copied: Path) -> None:
    before, trials = stamps(copied), drawn(copied)
    again = sweep(copied, *FOUR)
    assert again.returncode == 0, again.stderr
    assert "4 trials: 4 complete" in again.stdout
    assert (stamps(copied), drawn(copied)) == (before, trials)
    more = sweep(copied, *SEARCH, *SPACE, "search.n_trials=5")
    assert more.returncode == 0, more.stderr
    assert drawn(copied)[:4] == trials
    assert len(drawn(copied)) == 5


@pytest.mark.seconds(5)
def test_a_killed_search_draws_what_an_undisturbed_one_does(done: Path, tmp_path: Path) -> None:
    process = start(tmp_path, *FOUR)
    await_checkpoint(tmp_path, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    journal = tmp_path / "study.journal"
    with journal.open("ab") as file:
        file.write(b'{"op_code":8,"worker')  # as a kill in the midst of writing leaves it
    ended = sweep(tmp_path, *FOUR)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert drawn(tmp_path) == drawn(done)
    assert set(times_told(tmp_path).values()) == {1}
    for name, run in run_directories(tmp_path).items():
        assert same_weights(run, done / name)


def test_a_trial_whose_worker_died_while_it_drew_draws_it_again(done: Path, copied: Path) -> None:
    journal = copied / "study.journal"
    lines = journal.read_text().splitlines(keepends=True)
    made = [i for i, line in enumerate(lines) if '"op_code":4,' in line]
    journal.write_text("".join(lines[: made[2] + 2]))  # the third trial, with one of its values
    (half,) = [t for t in study_of(copied).trials if t.state.name == "RUNNING"]
    assert len(half.params) < 2
    ended = sweep(copied, *FOUR)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert_agree(copied)
    assert drawn(copied) == drawn(done)


@pytest.mark.seconds(6)
def test_pruned_trials_keep_their_checkpoints_and_a_grid_goes_on_from_them(tmp_path: Path) -> None:
    space = "optimizer.lr=tag(log,interval(1e-6,1e-1))"
    pruner = [f"search.pruner.{k}" for k in ("n_warmup_steps=1", "n_startup_trials=1")]
    line = (*SEARCH, space, "search.objectives=[loss]", "search/pruner=median", *pruner)
    line = (*line, "search.pruner.n_min_trials=1", "search.n_trials=5", "trainer.max_epochs=4")
    ended = sweep(tmp_path, *line)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    trials = study_of(tmp_path).trials
    (pruned, *_) = [t for t in trials if t.state.name == "PRUNED"]
    run = tmp_path / pruned.user_attrs["run"]
    epochs = pruned.user_attrs["pruned_after"]
    assert read_json(run / "status.json")["error"]["type"] == "PrunedError"
    assert not (run / "result.json").exists()
    assert epochs_trained(run) == list(range(1, epochs + 1))
    assert max(pruned.intermediate_values) == epochs
    assert weights(run)
    again = sweep(tmp_path, *line)  # stays as it is
    assert again.returncode == 0, again.stdout
    assert epochs_trained(run) == list(range(1, epochs + 1))

    rate = repr(pruned.params["optimizer.lr"])
    grid = sweep(tmp_path, "test=false", f"optimizer.lr={rate}", "trainer.max_epochs=4")
    assert grid.returncode == 0, grid.stdout + grid.stderr
    assert epochs_trained(run) == [1, 2, 3, 4]
    assert read_json(run / "result.json")["epochs"] == 4


@pytest.mark.seconds(6)
def test_a_failed_trial_stops_no_other_and_is_tried_again(tmp_path: Path) -> None:
    line = (*SEARCH, "model.nb_hidden=8,12", "search/sampler=grid", *mishap(8, "raise"))
    ended = sweep(tmp_path, *line)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "error: 1 of 2 trials are not completed" in ended.stderr
    assert "RuntimeError: a mishap" in ended.stdout
    assert sorted(states(tmp_path).values()) == ["completed", "failed"]
    again = sweep(tmp_path, *line)
    assert again.returncode == 1
    trials = study_of(tmp_path).trials
    assert [t.state.name for t in trials].count("FAIL") == 2
    assert trials[-1].params == {"model.nb_hidden": "8"}
    assert len(trials) == 3
    assert "2 trials: 1 complete, 1 fail" in again.stdout


@pytest.mark.long
@pytest.mark.seconds(4)
def test_several_objectives_and_limits_in_sqlite(tmp_path: Path) -> None:
    line = (*SEARCH, "model.nb_hidden=range(8,25,8)", "search.storage=sqlite", "search.n_trials=3")
    ended = sweep(
        tmp_path, *line, "search.objectives=[accuracy,parameters]", "search.limits.parameters=1500"
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    trials = study_of(tmp_path).trials
    for trial in trials:
        record = read_json(tmp_path / trial.user_attrs["run"] / "result.json")
        assert trial.values[1] == record["nb_parameters"] == trial.user_attrs["parameters"]
        assert trial.user_attrs["beyond"] == {"parameters": record["nb_parameters"] - 1500}
    assert "no other is better than in everything" in ended.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (SPACE[:1], "intervals are for searches: search=optuna"),
        ([*FOUR, "search.objectives=[acc]"], "there are accuracy, loss, spikes, synops"),
        ([*FOUR, "model.reset=zero,zerro"], "model.reset=zerro): model.reset='zerro'"),
        ([*FOUR, "search/pruner=median", "search.objectives=[spikes]"], "give search/pruner=none"),
        ([*FOUR, "search/sampler=grid"], "model.nb_hidden is an interval|optimizer.lr is an"),
        ([*FOUR, "sweep.extend=true"], "sweep.extend: is for grids"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_before_anything_is_drawn(
    tmp_path: Path, words: list[str], said: str
) -> None:
    ended = sweep(tmp_path / "new", *words)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert any(part in ended.stderr for part in said.split("|")), ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_runs_that_are_as_good_as_the_best_are_counted() -> None:
    def ended(value: float, run: str, state: str = "COMPLETE") -> Any:
        state = SimpleNamespace(name=state)
        return SimpleNamespace(values=[value], state=state, user_attrs={"run": run})

    plan = SearchPlan("s", {}, ("accuracy",), 4, about={"limits": {}})
    best, again = ended(0.9, "a"), ended(0.9, "a")
    others = [ended(0.8, "b"), ended(0.9, "c", "PRUNED")]
    assert _as_good(plan, best, [best, again, *others]) == ""
    assert _as_good(plan, best, [*others, ended(0.9, "d"), best]).startswith(
        "; 1 other run reached"
    )
    limited = replace(plan, about={"limits": {"seconds": 3.0}})
    assert _as_good(limited, best, [best, ended(0.9, "d")]) == ""


def test_without_m_it_is_no_search() -> None:
    ended = command("search=optuna", SPACE[0])
    assert ended.returncode == 2
    assert "search=optuna: a search is many runs; give -m" in ended.stderr


def test_a_dry_run_shows_the_space(tmp_path: Path) -> None:
    listed = sweep(tmp_path / "new", *FOUR, "sweep.dry_run=true")
    assert listed.returncode == 0, listed.stderr
    assert "0.001 to 0.1, log" in listed.stdout
    assert not (tmp_path / "new").exists()


def test_half_a_line_of_a_journal_is_cut(tmp_path: Path) -> None:
    import optuna

    for rest in (b'{"op_co', b"x" * 10_000):
        optuna.create_study(
            storage=open_storage(tmp_path, "journal"), study_name="a", load_if_exists=True
        ).add_trial(optuna.create_trial(value=1.0))
        with (tmp_path / "study.journal").open("ab") as file:
            file.write(rest)
    study = optuna.load_study(study_name="a", storage=open_storage(tmp_path, "journal"))
    study.add_trial(optuna.create_trial(value=1.0))
    assert len(study_of(tmp_path).trials) == 3
    assert (tmp_path / LOCKS).is_dir()


@pytest.mark.seconds(5)
def test_two_workers_share_a_study(tmp_path: Path) -> None:
    both = [start(tmp_path, *FOUR) for _ in range(2)]
    for process in both:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
        assert "4 complete" in output
    assert_agree(tmp_path)
    assert len(drawn(tmp_path)) == 4
    assert set(times_told(tmp_path).values()) == {1}
    for run in run_directories(tmp_path).values():
        assert epochs_trained(run) == [1, 2, 3]


@pytest.mark.seconds(4)
def test_a_stopped_search_says_how_to_go_on(tmp_path: Path) -> None:
    process = start(tmp_path, *FOUR, "trainer.max_epochs=2000")
    await_checkpoint(tmp_path, process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, output
    assert output.splitlines()[-1].startswith("The same command goes on: ")
    time.sleep(0.1)
    assert [t.state.name for t in study_of(tmp_path).trials] == ["RUNNING"]
