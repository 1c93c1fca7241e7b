"""Evaluations of a trained network: their numbers, files and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchmetrics.classification import (
    MulticlassCalibrationError,
    MulticlassPrecision,
    MulticlassRecall,
)

import snn
from snn.cli.main import main
from snn.evaluation import measures
from snn.evaluation.outcomes import as_events, observe, without_encoder
from snn.evaluation.robustness import robustness
from snn.events import EventStore
from snn.files import read_json
from tests.commands import SMALL, run
from tests.data.files import write_shd, write_tbl


@pytest.fixture(scope="module")
def trained(finished: Path) -> snn.TrainedNetwork:
    loaded = snn.load(finished)
    loaded.data.setup()
    return loaded


@pytest.fixture(scope="module")
def outcomes(trained: snn.TrainedNetwork):
    return observe(trained.network, trained.data.test, size=33)


def test_the_command_writes_everything(finished: Path, tmp_path: Path, capsys) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        assert main(["evaluate", str(finished), "--output", str(folder)]) == 0
    assert "are classified rightly" in capsys.readouterr().out
    found = read_json(folders[0] / "evaluation.json")
    assert found == read_json(folders[1] / "evaluation.json")
    assert found["agrees_with_result"] is True
    page = (folders[0] / "report.html").read_text()
    names = ["confusion", "activity", "reliability", "over_time", "readout", "robustness"]
    names += ["raster", "potentials", "weights", "time_constants"]
    for name in names:
        assert (folders[0] / f"{name}.png").stat().st_size > 1000
        assert (folders[0] / f"{name}.svg").exists()
    assert page.count("<figure>") == len(names)
    assert np.sum(found["confusion"]) == found["accuracy"]["samples"] == 80
    result = read_json(finished / "result.json")
    operations = result["metrics.best.test.synops_per_sample"]
    assert found["synaptic_operations"] == pytest.approx(operations)


def test_measures_agree_with_torchmetrics(outcomes) -> None:
    predicted, labels = torch.from_numpy(outcomes.predicted), torch.from_numpy(outcomes.labels)
    rows = measures.per_class(outcomes, list("abcd"))
    for metric, key in ((MulticlassPrecision, "precision"), (MulticlassRecall, "recall")):
        expected = metric(4, average="none")(predicted, labels)
        assert [row[key] for row in rows] == pytest.approx(expected.tolist())
    error = MulticlassCalibrationError(4, n_bins=measures.BINS)
    expected = error(torch.from_numpy(outcomes.probabilities), labels).item()
    found = measures.calibration(outcomes)
    assert found["expected_calibration_error"] == pytest.approx(expected, abs=1e-6)
    assert sum(b["samples"] for b in found["bins"]) == len(labels)


def test_answers_over_time_are_those_of_cut_samples(trained, outcomes) -> None:
    store = trained.data.test.inputs
    sample, step, unit = store.coordinates()
    size = {"nb_samples": len(store), "nb_units": store.nb_units}
    for steps in (1, 12, 30):
        inside = step < steps
        cut = EventStore.from_events(
            sample[inside], step[inside], unit[inside], nb_steps=steps, **size
        )
        classes = trained.network(cut.to_dense()).logits.argmax(1)
        assert (classes.numpy() == outcomes.answers[:, steps]).mean() > 0.98
    measured = measures.over_time(outcomes)
    assert measured["accuracy_after"][-1] == outcomes.right.mean()
    assert len(measured["accuracy_after"]) == 31


def test_disturbances_begin_with_none_and_follow_the_seed(trained, outcomes) -> None:
    first, again, other = (robustness(trained.network, trained.data.test, s) for s in (1, 1, 2))
    assert first == again != other
    for points in first.values():
        assert points[0]["strength"] == 0
        assert points[0]["correct"] == outcomes.right.sum()
    assert first["dropped_spikes"][-1]["value"] < first["dropped_spikes"][0]["value"]


def test_analog_signals_are_disturbed_behind_the_encoder(tmp_path: Path) -> None:
    write_tbl(tmp_path)
    place = (f"data.root={tmp_path}", f"data.cache={tmp_path / 'cache'}")
    settings = ("data=tbl", "trainer.max_epochs=1", "model.nb_hidden=12", "logger=none")
    run(tmp_path / "run", *settings, *place)
    loaded = snn.load(tmp_path / "run")
    loaded.data.setup()
    test = loaded.data.test
    seen = observe(without_encoder(loaded.network), as_events(loaded.network, test))
    whole = observe(loaded.network, test)
    assert np.array_equal(seen.input_spikes, whole.input_spikes)
    assert np.allclose(seen.probabilities, whole.probabilities, atol=1e-4)


@pytest.mark.long
def test_other_files_of_the_same_kind(tmp_path: Path, capsys) -> None:
    write_shd(tmp_path)
    write_shd(tmp_path / "other", nb_units=65, seed=3)
    place = (f"data.root={tmp_path}", f"data.cache={tmp_path / 'cache'}")
    settings = ("data=shd", "data.nb_steps=20", "trainer.max_epochs=1", "model.nb_hidden=12")
    run(tmp_path / "run", *settings, *place, "logger=none")
    other = f"data.test_file={tmp_path / 'other' / 'SHD' / 'shd_test.h5'}"
    assert main(["evaluate", str(tmp_path / "run"), other]) == 0
    found = read_json(tmp_path / "run" / "evaluation" / "evaluation.json")
    assert found["data"]["overrides"] == [other]
    assert found["agrees_with_result"] is None
    assert main(["evaluate", str(tmp_path / "run"), "--split", "test_unheard"]) == 0
    found = read_json(tmp_path / "run" / "evaluation" / "evaluation.json")
    assert found["accuracy"]["samples"] == 8
    assert found["agrees_with_result"] is True

    write_shd(tmp_path / "wide", nb_units=90)
    wide = f"data.test_file={tmp_path / 'wide' / 'SHD' / 'shd_test.h5'}"
    assert main(["evaluate", str(tmp_path / "run"), wide]) == 1
    assert "90 input units, the network has 70" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["model.nb_hidden=3"], "data.*"),
        (["data.split_seed=3"], "come to test it"),
        (["data.nothing=3"], "nothing"),
        (["data.nb_test=-1"], "data.nb_test"),
        (["data.nb_classes=5"], "classes"),
        (["--split", "exam"], "train, val, test"),
        (["--weights", "last", "--seed", "-1"], "--seed"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_one_line(
    finished: Path, capsys, arguments: list[str], said: str
) -> None:
    assert main(["evaluate", str(finished), *arguments]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert error.startswith("error: ")
    assert not (finished / "evaluation").exists()


def test_a_folder_without_a_run(tmp_path: Path, capsys) -> None:
    assert main(["evaluate", str(tmp_path)]) == 1
    assert "holds no run" in capsys.readouterr().err


def test_a_search_leaves_its_test_part_alone(tmp_path: Path) -> None:
    run(tmp_path, *SMALL, "test=false", "trainer.max_epochs=1", "logger=none")
    loaded = snn.load(tmp_path)
    loaded.data.setup()
    with pytest.raises(snn.errors.SnnError, match="test=false"):
        loaded.data.test_dataloader()
    assert json.loads((tmp_path / "result.json").read_text())["config"]["test"] is False
