"""Searches of small runs for tests, and what their studies hold."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from snn.runs import read_json
from tests.sweeps.grids import run_directories

SEARCH = ("search=optuna", "test=false", "logger=csv")
SPACE = ("model.nb_hidden=int(interval(8,24))", "optimizer.lr=tag(log,interval(1e-3,1e-1))")


def study_of(directory: Path, name: str | None = None) -> Any:
    """The only study of a directory, or the one of a name, as another program opens it."""
    import optuna

    journal = directory / "study.journal"
    if journal.exists():
        backend = optuna.storages.journal.JournalFileBackend(str(journal))
        storage: Any = optuna.storages.JournalStorage(backend)
    else:
        storage = f"sqlite:///{directory / 'study.db'}"
    return optuna.load_study(study_name=name, storage=storage)


def drawn(directory: Path) -> list[tuple[Any, ...]]:
    """State, parameters and values of each trial, in their order."""
    trials = study_of(directory).get_trials(deepcopy=False)
    return [(t.state.name, t.params, t.values, t.intermediate_values) for t in trials]


def times_told(directory: Path) -> Counter[int]:
    """How often a journal says of each trial that it is over."""
    told: Counter[int] = Counter()
    for line in (directory / "study.journal").read_text().splitlines():
        entry = json.loads(line)
        if entry["op_code"] == 6 and entry["state"] in (1, 2, 3):
            told[entry["trial_id"]] += 1
    return told


def assert_agree(directory: Path, key: str = "metrics.best.val.accuracy") -> None:
    """A study and the records of its runs say the same, trial by trial and of the best."""
    study, runs = study_of(directory), run_directories(directory)
    trials = study.get_trials(deepcopy=False)
    assert {t.user_attrs["run"] for t in trials} == set(runs)
    records = {name: read_json(run / "result.json") for name, run in runs.items()}
    for trial in trials:
        record = records[trial.user_attrs["run"]]
        assert trial.values == [record[key]]
        assert trial.params["model.nb_hidden"] == record["config"]["model"]["nb_hidden"]
        assert trial.params["optimizer.lr"] == record["config"]["optimizer"]["lr"]
    assert study.best_value == max(record[key] for record in records.values())
