"""Energy and operations in summaries: by value, and side by side with networks without spikes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from snn.analysis.compare import compare
from snn.analysis.kinds import comparison, has_both, kinds_tables
from snn.analysis.marginals import values_table
from snn.analysis.records import read_records
from snn.analysis.study import Study, studies
from snn.analysis.summary import summarise
from snn.runs import RunDirectory
from tests.analysis.synthetic import write_run

LIF, RNN = "snn.training.classifiers.recurrent_lif", "snn.training.rnn.rnn"
MEASURED = {
    "energy.source": "measured",
    "energy.counters": "cpu: package-0; the whole machine, other processes too",
    "energy.training.seconds": 9.9,
    "energy.inference.joules_per_sample": 2e-3,
}


def add(path: Path, **facts: Any) -> None:
    """Add entries to a result."""
    file = RunDirectory(path).result
    file.write_text(json.dumps(json.loads(file.read_text()) | facts))


def write(directory: Path, source: str | None = "measured") -> None:
    """Two sizes of two kinds, two seeds each."""
    for size in (50, 100):
        for seed in (1, 2):
            for target in (LIF, RNN):
                spiking = target == LIF
                point = {"model.nb_hidden": size, "seed": seed, "model._target_": target}
                path = write_run(
                    directory / f"{size}-{seed}-{spiking}",
                    point,
                    val=0.8 + 0.1 * spiking,
                    spikes=size * 2.0,
                )
                costs = {"effective_macs": 0 if spiking else 1e6, "effective_acs": 2e3}
                facts = {f"metrics.best.test.neurobench/{k}": v for k, v in costs.items()}
                if not spiking:
                    drop = ("spikes_per_sample", "synops_per_sample")
                    file = RunDirectory(path).result
                    kept = json.loads(file.read_text())
                    kept = {k: v for k, v in kept.items() if not k.endswith(drop)}
                    file.write_text(json.dumps(kept))
                if source:
                    joules = {"energy.training.joules": 100.0 * seed}
                    facts |= MEASURED | joules | {"energy.source": source}
                add(path, **facts, nb_parameters=4000)


def study_of(directory: Path) -> Study:
    (study,) = studies(read_records(directory), None)
    return study


def test_side_by_side(tmp_path: Path) -> None:
    write(tmp_path)
    study = study_of(tmp_path)
    assert has_both(study)
    first, second = kinds_tables(study)
    assert [t.title.split(": ")[1] for t in (first, second)] == [
        "50 hidden neurons",
        "100 hidden neurons",
    ]
    assert list(first.columns) == ["", "recurrent_lif", "rnn tanh"]
    rows = {row[0]: row[1:] for row in first.rows}
    assert rows["validation accuracy (%)"] == ["90.00 ± 0.00", "80.00 ± 0.00"]
    assert rows["training energy (J)"] == ["150, measured"] * 2
    assert rows["energy per inference (mJ)"] == ["2, measured"] * 2
    assert rows["spikes per sample"] == ["100", "none"]
    assert rows["spikes per neuron and step (%)"] == ["4.00", "none"]
    assert rows["MACs per sample"] == ["0", "1,000,000"]
    assert rows["ACs per sample"] == ["2,000", "2,000"]
    assert rows["their energy (nJ), estimated"] == ["1.8", "4,602"]
    said = " ".join(comparison(study))
    assert "4.6 pJ per MAC and 0.9 pJ per AC" in said
    assert "Memory traffic" in said
    assert "4.00 % spikes per neuron and step, below those 6%" in said


def test_the_report_has_them(tmp_path: Path) -> None:
    write(tmp_path, source=None)
    summary = summarise(read_records(tmp_path), quick=True)
    section = next(s for s in summary.sections if s.title == "With spikes and without")
    rows = {row[0]: row[1:] for row in section.tables[0].rows}
    assert rows["training energy (J)"] == ["none", "none"]
    assert "MACs per sample" in (summary.folder / "report.html").read_text()


def test_energy_by_value_beside_time(tmp_path: Path) -> None:
    write(tmp_path)
    table = values_table(study_of(tmp_path))
    assert list(table.columns)[-2:] == ["time (s)", "energy (J)"]
    assert {row[-1] for row in table.rows if row[0] == "nb_hidden"} == {"150.0 ± 57.7"}
    assert "Energy is measured (cpu: package-0; the whole machine" in table.note


def test_where_nothing_was_counted(tmp_path: Path) -> None:
    write(tmp_path, source=None)
    table = values_table(study_of(tmp_path))
    assert list(table.columns)[-1] == "time (s)"
    assert "nergy" not in table.note


def test_estimates_and_half_of_a_training(tmp_path: Path) -> None:
    write(tmp_path, source="estimated")
    add(tmp_path / "50-1-True", **{"energy.training.seconds": 4.0})
    study = study_of(tmp_path)
    assert study.frame["joules"].isna().sum() == 1
    rows = {row[0]: row[1:] for row in kinds_tables(study)[0].rows}
    assert rows["training energy (J)"] == ["200, estimated", "150, estimated"]


@pytest.mark.seconds(2)
def test_compared_runs(tmp_path: Path) -> None:
    write(tmp_path)
    summary = compare([tmp_path / "50-1-True", tmp_path / "50-1-False"])
    tables = {t.name: t for section in summary.sections for t in section.tables}
    rows = {row[0]: list(row[1:]) for row in tables["compared_results"].rows}
    assert rows["training energy (J)"] == ["100", "100"]
    assert rows["source of energy"] == ["measured", "measured"]
    assert rows["MACs per sample"] == ["0", "1,000,000"]
    assert "Memory traffic" in tables["compared_results"].note
