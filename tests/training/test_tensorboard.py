"""What TensorBoard is given, read back with its own readers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

from snn.runs import read_json
from snn.training.tags import CHARTS, tag_of
from tests.commands import SMALL, run, same_weights
from tests.sweeps.grids import sweep

WITH_IMAGES = [override for override in SMALL if override != "callbacks.raster=null"]


def events(directory: Path) -> EventAccumulator:
    return EventAccumulator(str(directory), {"images": 0, "tensors": 0}).Reload()


def shown(accumulator: EventAccumulator) -> set[str]:
    """The hyper-parameters of a run."""
    content = accumulator.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    return set(plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams)


def compared(accumulator: EventAccumulator) -> list[str]:
    """The metrics of the HPARAMS tab."""
    content = accumulator.summary_metadata["_hparams_/experiment"].plugin_data.content
    experiment = plugin_data_pb2.HParamsPluginData.FromString(content).experiment
    return [info.name.tag for info in experiment.metric_infos]


def test_accuracy_and_loss_come_first_gradients_and_times_last(finished: Path) -> None:
    read = events(finished)
    scalars = sorted(read.Tags()["scalars"])
    groups = list(dict.fromkeys(tag.split("/")[0] for tag in scalars))
    assert groups == ["accuracy", "loss", "loss_parts", "spikes", "time", "weights"]
    assert scalars[:3] == ["accuracy/running", "accuracy/train", "accuracy/val"]
    assert "loss/val" in scalars
    assert "spikes/hidden0/firing_rate/val" in scalars
    assert "weights/gradient_norm/readout.weight" in scalars
    # a curve each: no isolated dots
    for tag in scalars:
        assert [event.step for event in read.Scalars(tag)] == [0, 1, 2], tag
    assert tag_of("lr-Adam") == "lr-Adam"


def test_curves_of_one_quantity_share_a_chart(finished: Path) -> None:
    read = events(finished)
    (event,) = read.Tensors("custom_scalars__config__")
    content = tensor_util.make_ndarray(event.tensor_proto).item()
    layout = layout_pb2.Layout.FromString(content)
    assert [category.title for category in layout.category] == list(CHARTS)
    charts = {c.title: list(c.multiline.tag) for g in layout.category for c in g.chart}
    assert charts["accuracy"] == ["accuracy/.*"]
    assert charts["loss"] == ["loss/.*"]


def test_runs_are_compared_by_their_curves(finished: Path) -> None:
    read, result = events(finished), read_json(finished / "result.json")
    assert compared(read) == ["accuracy/val", "accuracy/val_best"]
    assert "model.nb_hidden" in shown(read)
    last = {tag: read.Scalars(tag)[-1].value for tag in compared(read)}
    assert last["accuracy/val"] == pytest.approx(result["metrics.final.val.accuracy"])
    assert last["accuracy/val_best"] == pytest.approx(result["metrics.best.val.accuracy"])


def test_a_run_that_goes_on_goes_on_in_tensorboard(finished: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(finished, tmp_path / "run")
    run(directory, *SMALL, "trainer.max_epochs=4", "ckpt_path=last")
    read = events(directory)
    for tag in (*compared(read), "loss/train"):
        values = read.Scalars(tag)
        assert [event.step for event in values] == [0, 1, 2, 3], tag
        assert all(event.value == event.value for event in values), tag
    best = [event.value for event in read.Scalars("accuracy/val_best")]
    assert best == sorted(best)


def test_a_run_with_a_folder_for_it_goes_on_there(finished: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(finished, tmp_path / "run")
    (directory / "tensorboard").mkdir()
    before = list(directory.glob("events*"))
    for file in before:
        file.rename(directory / "tensorboard" / file.name)
    run(directory, *SMALL, "trainer.max_epochs=4", "ckpt_path=last")
    assert not list(directory.glob("events*"))
    assert len(list((directory / "tensorboard").glob("events*"))) > len(before)


def test_without_validation_the_test_stands_at_the_end(tmp_path: Path) -> None:
    run(tmp_path, *SMALL, "data.val_fraction=0", "trainer.max_epochs=1", "logger=tensorboard")
    read = events(tmp_path)
    assert compared(read) == ["accuracy/train", "accuracy/test"]
    assert [event.step for event in read.Scalars("accuracy/test")] == [0]


def test_runs_of_a_sweep_are_told_apart_by_what_is_swept(tmp_path: Path) -> None:
    task = ("trainer.max_epochs=1", "test=false", "logger=tensorboard", "seed=3")
    ended = sweep(tmp_path, *task, "optimizer=adam,sgd")
    assert ended.returncode == 0, ended.stderr
    runs = EventMultiplexer().AddRunsFromDirectory(str(tmp_path)).Reload()
    names = sorted(runs.Runs())
    assert [name.split("_")[0] for name in names] == ["adam", "sgd"]
    assert all(len(name) <= 60 and "/" not in name for name in names)
    assert all(shown(runs.GetAccumulator(name)) == {"optimizer"} for name in names)


def test_images_are_narrow_enough_to_be_read_and_change_nothing(
    finished: Path, tmp_path: Path
) -> None:
    run(tmp_path, *WITH_IMAGES)
    read = events(tmp_path)
    tags = {tag for tag in read.Tags()["images"] if tag != "confusion"}
    samples = {f"spikes/sample_{number}" for number in (1, 2, 3, 4)}
    assert tags == samples | {"potentials/hidden_layer_1", "readout"}
    for tag in tags:
        images = read.Images(tag)
        assert [image.step for image in images] == [0, 2]
        assert all(image.width <= 480 for image in images), tag
    assert same_weights(finished, tmp_path)
