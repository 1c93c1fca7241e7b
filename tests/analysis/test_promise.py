"""Test accuracy is shown once, of the best point, unless the thesis's own view is asked for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from snn.analysis.collapse import find_collapsed
from snn.analysis.figures import draw_all
from snn.analysis.records import read_records
from snn.analysis.sections import find_effects
from snn.analysis.study import make_study
from snn.cli.summary import main
from snn.training.callbacks.hyper_parameters import HyperParameters, accuracies
from tests.analysis.synthetic import write_grid

HIDDEN, SCALE = "model.nb_hidden", "model.scale"
GRID = {HIDDEN: [20, 40, 60], SCALE: [10, 30, 100]}
BEST = "61.93"


def measured(point: dict) -> dict:
    """Test accuracies whose digits occur nowhere else; their means over values too."""
    number = list(GRID[HIDDEN]).index(point[HIDDEN]) * 3 + GRID[SCALE].index(point[SCALE])
    return {"val": 0.5 + number / 50, "train": 0.7 + number / 50, "test": 0.5393 + number / 100}


def shown_tests(text: str) -> list[str]:
    """Test accuracies and means of them: they end in 93, in per cent, or begin so as shares."""
    return re.findall(r"\b5\d\.93\b|\b6\d\.93\b|0\.[56]\d93", text)


@pytest.mark.usefixtures("no_figures")
def test_terminal_report_and_tables(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_grid(tmp_path, GRID, measured)
    assert main([str(tmp_path)]) == 0
    assert shown_tests(capsys.readouterr().out) == [BEST]
    folder = tmp_path / "summary"
    for file in (*folder.glob("*.md"), *folder.glob("*.tex"), folder / "report.html"):
        expected = [BEST] if file.stem in ("best", "report") else []
        assert shown_tests(file.read_text(encoding="utf-8")) == expected, file


@pytest.mark.usefixtures("no_figures")
def test_the_thesis_has_its_view_on_request(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_grid(tmp_path, GRID, measured)
    assert main([str(tmp_path), "--thesis"]) == 0
    text = capsys.readouterr().out
    assert len(shown_tests(text)) == 1 + 6
    assert "The thesis's own view" in text
    assert "Nothing here was chosen by them" in text
    page = (tmp_path / "summary" / "report.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="report-data">(.*?)</script>', page)[1])
    assert "test" in [column["key"] for column in data["columns"]]


@pytest.mark.usefixtures("no_figures")
def test_so_it_has_where_there_is_nothing_to_choose_by(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write_grid(tmp_path, GRID, lambda point: measured(point) | {"val": None})
    assert main([str(tmp_path)]) == 0
    assert "The thesis's own view" in capsys.readouterr().out


@pytest.mark.parametrize("thesis", [False, True])
def test_figures(tmp_path: Path, thesis: bool) -> None:
    write_grid(tmp_path, GRID, lambda point: measured(point) | {"curve": [0.2, 0.5]})
    study = make_study("randman", read_records(tmp_path).runs)
    effects, _ = find_effects(study)
    labels, names = set(), []
    for name, caption, figure in draw_all(study, effects, find_collapsed(study), thesis):
        names.append(name)
        assert "test" not in caption
        if name.startswith("thesis_"):
            continue
        for panel in figure.axes:
            labels |= {panel.get_xlabel(), panel.get_ylabel()}
            labels |= set(panel.get_legend_handles_labels()[1])
    assert labels >= {"training", "validation"}
    assert not any("test" in label for label in labels)
    assert any(name.startswith("thesis_") for name in names) == thesis


def test_tensorboard() -> None:
    assert accuracies(validated=True, tested=True) == ["val/accuracy", "val_best/accuracy"]
    assert accuracies(validated=False, tested=True) == ["train/accuracy", "test/accuracy"]
    assert accuracies(validated=False, tested=False) == ["train/accuracy"]
    callback = HyperParameters(keys=["seed"])
    callback.choose({"seed": 1}, {}, validated=True)
    assert not any("test" in name for name in callback.metrics)
