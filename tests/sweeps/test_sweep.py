"""Sweeps as users run them: processes, directories, exit codes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from snn.config.overrides import parse
from snn.runs import RunDirectory, read_json
from snn.sweeps.hydra import job_overrides
from snn.sweeps.points import Point
from tests.commands import command, timeless, weights
from tests.data.files import write_tbl
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

GRID = ("model.nb_hidden=8,12,16",)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A completed sweep; copy it before touching it."""
    return swept(tmp_path_factory.mktemp("sweep"), *GRID)


@pytest.fixture
def copied(done: Path, tmp_path: Path) -> Path:
    return shutil.copytree(done, tmp_path / "sweep")


def stamps(directory: Path) -> dict[str, int]:
    found = run_directories(directory)
    return {name: (path / "result.json").stat().st_mtime_ns for name, path in found.items()}


def test_every_point_has_its_directory_and_its_result(done: Path) -> None:
    assert set(states(done).values()) == {"completed"}
    sizes = [
        read_json(path / "result.json")["config"]["model"]["nb_hidden"]
        for path in run_directories(done).values()
    ]
    assert sorted(sizes) == [8, 12, 16]
    assert set(read_json(done / "sweep.json")["points"]) == set(run_directories(done))
    assert read_json(done / "sweep_status.json")["state"] == "completed"


def test_the_same_command_again_trains_nothing(copied: Path) -> None:
    before = stamps(copied)
    again = sweep(copied, *GRID)
    assert again.returncode == 0, again.stderr
    assert "3 completed" in again.stdout
    assert stamps(copied) == before


def test_records_without_weights_are_enough_to_go_on(done: Path, tmp_path: Path) -> None:
    packed, there = tmp_path / "sweep.tar.xz", tmp_path / "there"
    without = ("--exclude=checkpoints", "--exclude=events.*")
    subprocess.run(["tar", "-C", done.parent, "-cJf", packed, *without, done.name], check=True)
    there.mkdir()
    subprocess.run(["tar", "-C", there, "-xJf", packed], check=True)
    moved = there / done.name
    before = stamps(moved)
    assert not list(moved.rglob("*.ckpt"))
    assert sweep(moved, *GRID).returncode == 0
    assert stamps(moved) == before
    assert not list(moved.rglob("*.ckpt"))


@pytest.mark.seconds(8)
def test_a_search_is_measured_on_the_test_part_without_training(done: Path, tmp_path: Path) -> None:
    assert sweep(tmp_path, *GRID, "test=false").returncode == 0
    runs = run_directories(tmp_path)
    before = {name: weights(run) for name, run in runs.items()}
    damaged, *others = runs.values()
    record = (damaged / "result.json").read_bytes()
    (damaged / "checkpoints/last.ckpt").write_bytes(b"damaged")

    tested = sweep(tmp_path, *GRID, "test=true")
    assert tested.returncode == 1, tested.stdout + tested.stderr
    assert "1 of 3 points are not completed" in tested.stderr
    assert (damaged / "result.json").read_bytes() == record
    for run in others:
        measured, expected = (read_json(d / "result.json") for d in (run, done / run.name))
        metrics = {key for key in expected if key.startswith("metrics.")}
        assert {key: measured[key] for key in metrics} == {key: expected[key] for key in metrics}
        assert all(torch.equal(value, before[run.name][key]) for key, value in weights(run).items())
        assert epochs_trained(run) == [1, 2, 3]

    stamped = stamps(tmp_path)
    again = sweep(tmp_path, *GRID, "test=false")
    assert again.returncode == 0, again.stdout
    assert stamps(tmp_path) == stamped


@pytest.mark.seconds(4)
def test_a_new_value_trains_the_new_points_alone(copied: Path) -> None:
    before = stamps(copied)
    wider = sweep(copied, "model.nb_hidden=8,20", "model.scale=10")
    assert wider.returncode == 0, wider.stderr
    after = stamps(copied)
    assert len(after) == 4
    assert {name: after[name] for name in before} == before


@pytest.mark.long
def test_points_of_several_data_sets_share_the_directory(tmp_path: Path) -> None:
    write_tbl(tmp_path)
    few = ("model.nb_hidden=8", "data.nb_steps=76", "trainer.max_epochs=1", "data.batch_size=1000")
    both = ("-m", "data=randman,tbl", f"data.root={tmp_path}", "trainer.accelerator=cpu", *few)
    ended = command(*both, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    directory = tmp_path / "outputs/sweeps/free/randman"
    assert list(states(directory).values()) == ["completed"] * 2


@pytest.mark.parametrize("name", ["plain/a.b", "it's, (all) = one", "${seed}", "a\\", " b\\'"])
def test_jobs_are_told_the_very_directory(name: str) -> None:
    point = Point(("seed=2",), {}, RunDirectory(Path(name) / "point"))
    seed, directory, subdirectory = parse(job_overrides(point, Path(name)))
    config = OmegaConf.create({"seed": 1, "dir": directory.value()})
    assert config.dir == str(Path(name))
    assert (seed.value(), subdirectory.value()) == (2, "point")


def test_a_dry_run_lists_and_trains_nothing(copied: Path) -> None:
    listed = sweep(copied, "model.nb_hidden=8,99", "sweep.dry_run=true")
    assert listed.returncode == 0, listed.stderr
    assert "2 points: 1 completed, 1 new" in listed.stdout
    assert "model.nb_hidden=99" in listed.stdout
    assert len(run_directories(copied)) == 3


def test_a_typo_in_one_point_stops_all_before_the_first(tmp_path: Path) -> None:
    wrong = sweep(tmp_path / "new", "model.nb_hidden=8,12", "model.reset=zero,zerro")
    assert wrong.returncode == 2
    assert "point 2 of 4" in wrong.stderr
    assert "zerro" in wrong.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("launcher", "kind"),
    [
        pytest.param("basic", "raise", marks=pytest.mark.seconds(6)),
        pytest.param("basic", "kill", marks=pytest.mark.seconds(6)),
        pytest.param("joblib", "kill", marks=[needs("launchers"), pytest.mark.long]),
        pytest.param("joblib", "raise", marks=[needs("launchers"), pytest.mark.long]),
    ],
)
def test_a_failing_point_stops_no_other(tmp_path: Path, launcher: str, kind: str) -> None:
    ended = sweep(tmp_path, *GRID, *mishap(8, kind), f"hydra/launcher={launcher}")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "error: 1 of 3 points are not completed" in ended.stderr
    assert sorted(states(tmp_path).values()) == ["completed", "completed", "failed"]
    failed = next(p for n, p in run_directories(tmp_path).items() if n.startswith("hidden8_"))
    log = (failed / "train.log").read_text()
    if kind == "raise":
        assert "Traceback" in log
        assert "RuntimeError: a mishap" in ended.stdout
        assert "RuntimeError: a mishap" in read_json(failed / "status.json")["error"]["traceback"]
    else:
        assert "SIGKILL" in log
        assert "SIGKILL" in ended.stdout
        assert read_json(failed / "status.json")["error"]["type"] == "ProcessDied"
    # Tried again by the next command, from the epoch that was completed.
    again = sweep(tmp_path, *GRID, *mishap(8, kind))
    assert again.returncode == 1
    assert epochs_trained(failed) == [1]


@pytest.mark.seconds(4)
def test_all_failures_are_listed(tmp_path: Path) -> None:
    ended = sweep(tmp_path, "model.nb_hidden=8,12", "seed=1,2", *mishap(8, "diverge"))
    assert ended.returncode == 1
    assert "error: 2 of 4 points are not completed" in ended.stderr
    assert ended.stdout.count("DivergedError") == 2


@pytest.mark.seconds(8)
def test_damaged_or_foreign_directories_are_refused_and_kept(copied: Path) -> None:
    first, second, third = run_directories(copied).values()
    whole = (first / "result.json").read_bytes()
    (first / "result.json").write_bytes(whole[: len(whole) // 2])
    config = read_json(second / "config.json")
    config["optimizer"]["lr"] = 0.5
    (second / "config.json").write_text(json.dumps(config))
    status = read_json(third / "status.json") | {"schema_version": 99}
    (third / "status.json").write_text(json.dumps(status))
    before = {f: f.read_bytes() for f in copied.glob("*/*.json")}

    refused = sweep(copied, "model.nb_hidden=8,12,16,20")
    assert refused.returncode == 1
    assert "error: 3 of 4 points are not completed" in refused.stderr
    assert "cannot be read as JSON" in refused.stdout
    assert "optimizer.lr: 0.5 -> 0.01" in refused.stdout
    assert "newer version" in refused.stdout
    assert {f: f.read_bytes() for f in before} == before

    anew = sweep(copied, "model.nb_hidden=8,12,16,20", "sweep.redo=true")
    assert anew.returncode == 0, anew.stdout + anew.stderr
    assert set(states(copied).values()) == {"completed"}
    kept = sorted((copied / ".replaced").iterdir())
    assert len(kept) == 3
    assert {f.read_bytes() for k in kept for f in k.glob("*.json")} <= set(before.values())


@pytest.mark.seconds(4)
def test_a_directory_that_cannot_be_made_harms_no_other_point(done: Path, tmp_path: Path) -> None:
    name = next(name for name in run_directories(done) if name.startswith("hidden12_"))
    (tmp_path / name).write_text("in the way")
    ended = sweep(tmp_path, *GRID)
    assert ended.returncode == 1
    assert "error: 1 of 3 points are not completed" in ended.stderr
    assert name in ended.stdout
    assert (tmp_path / name).read_text() == "in the way"
    assert list(states(tmp_path).values()) == ["completed"] * 2


@pytest.mark.seconds(6)
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_a_clear_error_of_that_point(done: Path, tmp_path: Path) -> None:
    name = next(name for name in run_directories(done) if name.startswith("hidden12_"))
    checkpoints = tmp_path / name / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / ".last.ckpt.part").symlink_to("/dev/full")
    ended = sweep(tmp_path, *GRID)
    assert ended.returncode == 1
    assert "error: 1 of 3 points are not completed" in ended.stderr
    assert "No space left on device" in ended.stdout
    assert states(tmp_path)[name] == "failed"
    again = sweep(tmp_path, *GRID)  # there is room again
    assert again.returncode == 0, again.stdout
    assert timeless(read_json(tmp_path / name / "result.json")) == timeless(
        read_json(done / name / "result.json")
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_disk_that_is_full_at_the_end_hides_nothing(copied: Path) -> None:
    (copied / "multirun.yaml").unlink()
    (copied / "multirun.yaml").symlink_to("/dev/full")
    next(iter(run_directories(copied).values())).joinpath("status.json").write_text("damaged")
    ended = sweep(copied, *GRID)
    assert ended.returncode == 1
    assert "cannot be read as JSON" in ended.stdout
    assert "multirun.yaml: cannot be written" in ended.stdout
    assert ended.stderr == "error: 1 of 3 points are not completed\n"


@pytest.mark.seconds(4)
def test_a_damaged_checkpoint_costs_its_epochs_and_nothing_else(done: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(done, tmp_path / "sweep")
    run = next(iter(run_directories(copy).values()))
    (run / "result.json").unlink()
    status = read_json(run / "status.json") | {"state": "failed", "error": {"type": "OSError"}}
    (run / "status.json").write_text(json.dumps(status))
    last = run / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    ended = sweep(copy, *GRID)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "starts anew" in (run / "train.log").read_text()
    assert timeless(read_json(run / "result.json")) == timeless(
        read_json(done / run.name / "result.json")
    )


@pytest.mark.parametrize(
    "launcher",
    [
        pytest.param("basic", marks=pytest.mark.seconds(6)),
        pytest.param("joblib", marks=[needs("launchers"), pytest.mark.long]),
    ],
)
def test_two_commands_at_once_train_every_point_once(tmp_path: Path, launcher: str) -> None:
    both = [start(tmp_path, *GRID, f"hydra/launcher={launcher}") for _ in range(2)]
    for process in both:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
        assert "3 completed" in output
    for run in run_directories(tmp_path).values():
        assert epochs_trained(run) == [1, 2, 3]


@pytest.mark.seconds(4)
def test_a_stopped_sweep_stops_its_runs(tmp_path: Path) -> None:
    process = start(tmp_path, "model.nb_hidden=8,12", "trainer.max_epochs=2000")
    await_checkpoint(tmp_path, process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, output
    last = output.splitlines()[-1]
    assert last.startswith("The same command goes on: ")
    assert last.endswith(f"train.py -m {' '.join(process.args[2:])}")
    (run,) = run_directories(tmp_path).values()
    status = read_json(run / "status.json")
    assert status["state"] == "failed"
    assert status["error"]["type"] == "Interrupted"
    assert not os.path.exists(f"/proc/{status['pid']}") or status["pid"] == os.getpid()


def test_one_sweep_at_a_time() -> None:
    refused = command("-m", "sweep=tbl,shd")
    assert refused.returncode == 2
    assert "one sweep at a time" in refused.stderr
