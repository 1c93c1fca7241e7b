"""Points against one of them."""

from pathlib import Path

import pytest

from snn.analysis.ablation import ablation_table, find_ablation, named_run
from snn.analysis.records import read_records
from snn.analysis.study import Study, studies
from snn.cli import summary as sweep_summary
from snn.errors import RunError
from tests.analysis.synthetic import write_run

BASE = {"model.scale": 10, "model.reset": "zero"}


def write(directory: Path, changed: dict, accuracies: dict[int, float], spikes: float = 100) -> str:
    """A point's runs, one for each seed; returns the name of the last."""
    for seed, val in accuracies.items():
        name = "-".join(f"{k}{v}" for k, v in changed.items()) or "base"
        point = {"seed": seed} | BASE | changed
        write_run(directory / f"{name}_{seed}", point, val=val, spikes=spikes)
    return f"{name}_{seed}"


def study_of(directory: Path) -> Study:
    (study,) = studies(read_records(directory), None)
    return study


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Three seeds of a point, two of one change, three of another that changes two keys."""
    # a default that is spelled out is no change
    write(tmp_path, {"model.regularizer": 0.0}, {1: 0.80, 2: 0.90, 3: 0.85})
    write(tmp_path, {"model.reset": "subtract"}, {1: 0.81, 3: 0.88}, spikes=300)
    both = {"optimizer.lr": 0.01, "model.regularizer": 1e-4}
    write(tmp_path, both, {1: 0.70, 2: 0.75, 3: 0.80})
    return tmp_path


def test_changes_are_held_against_the_same_seeds(sweep: Path) -> None:
    study = study_of(sweep)
    table = ablation_table(study, find_ablation(study))
    rows = {row[0]: list(row[1:]) for row in table.rows}
    assert next(iter(rows)) == "nothing"
    assert rows["nothing"][:6] == ["3", "85.00", "5.00", "-", "-", "-"]
    reset = rows["model.reset=subtract"]
    # 81 and 88 less 80 and 85: 1 and 3; not the difference of the means
    assert reset[:6] == ["2", "84.50", "4.95", "+2.00", "1.41", "2"]
    assert reset[6] == "300"
    (slow,) = (row for name, row in rows.items() if "regularizer" in name)
    assert slow[:6] == ["3", "75.00", "5.00", "-10.00", "5.00", "3"]  # -10, -15, -5


def test_the_summary_shows_it(sweep: Path, capsys: pytest.CaptureFixture) -> None:
    assert sweep_summary.main([str(sweep)]) == 0
    assert "What each change does" in capsys.readouterr().out
    text = (sweep / "summary" / "ablation.md").read_text()
    assert "| model.reset=subtract | 2 | 84.50 |" in text


@pytest.mark.parametrize(
    "points",
    [
        [(s, r) for s in (5, 10) for r in ("zero", "subtract")],  # a grid
        [(s, "zero") for s in (5, 10, 20)],  # one axis: each point would do
    ],
)
def test_a_grid_is_none(tmp_path: Path, points: list) -> None:
    for scale, reset in points:
        write(tmp_path, {"model.scale": scale, "model.reset": reset}, {1: 0.8})
    assert find_ablation(study_of(tmp_path)) is None


def test_a_named_run_may_be_the_base_of_any_sweep(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for scale in (5, 10):
        for reset in ("zero", "subtract"):
            last = write(tmp_path, {"model.scale": scale, "model.reset": reset}, {1: scale / 20})
    assert sweep_summary.main([str(tmp_path), "--base", f"{tmp_path / last}/"]) == 0
    text = (tmp_path / "summary" / "ablation.md").read_text()
    assert "| nothing | 1 | 50.00 |" in text
    assert "| model.scale=5 model.reset=zero | 1 | 25.00 | - | -25.00 | - | 1 |" in text
    assert text.count("\n| ") == 6  # head, rule and four points
    assert sweep_summary.main([str(tmp_path), "--base", "_1"]) == 1
    assert "4 completed runs end so" in capsys.readouterr().err
    assert sweep_summary.main([str(tmp_path), "--base", "other"]) == 1
    assert "no completed run" in capsys.readouterr().err


def test_a_name_goes_before_its_end(tmp_path: Path) -> None:
    for i in range(12):
        write_run(tmp_path / str(i), {"seed": 1, "model.scale": i + 1}, val=0.5)
    found, study = [], study_of(tmp_path)
    for base in ("1", "1/", str(tmp_path / "1"), "01", ""):
        try:
            found.append(named_run([study], tmp_path, base))
        except RunError:
            found.append(None)
    assert found == ["1", "1", "1", None, None]


def test_without_axes_there_is_nothing_to_compare(tmp_path: Path) -> None:
    last = write(tmp_path, {}, {1: 0.8, 2: 0.9})
    study = study_of(tmp_path)
    assert find_ablation(study) is None
    assert find_ablation(study, last) is None


def test_changes_in_a_file_are_named_by_their_axes(tmp_path: Path) -> None:
    """Such as an edited yaml: the commands are the same."""
    for name, point in {"a": {}, "b": {"model.scale": 5}, "c": {"model.reset": "none"}}.items():
        write_run(tmp_path / name, {"seed": 1} | BASE | point, val=0.5)
    study = study_of(tmp_path)
    for run in study.runs:
        run.overrides.clear()
    rows = {row[0] for row in ablation_table(study, find_ablation(study)).rows}
    assert rows == {"nothing", "model.scale=5", "model.reset=none"}


def test_without_a_common_seed_there_is_no_pair(tmp_path: Path) -> None:
    write(tmp_path, {}, {1: 0.8})
    write(tmp_path, {"model.reset": "subtract"}, {2: 0.7})
    write(tmp_path, {"model.scale": 5}, {1: 0.7})
    study = study_of(tmp_path)
    rows = {row[0]: row for row in ablation_table(study, find_ablation(study)).rows}
    assert list(rows["model.reset=subtract"][4:7]) == ["-", "-", "0"]
    assert list(rows["model.scale=5"][4:7]) == ["-10.00", "-", "1"]
