"""Points of a sweep that share a process: each is the run that it would be alone."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hydra import initialize_config_dir

from snn.config.compose import Composer
from snn.runs import read_json
from snn.runs.status import Interrupted
from snn.sweeps.group import grouped, must_be_alone, run_to_end, shared_part
from snn.sweeps.points import make_points
from snn.training import company
from snn.training.company import Company
from tests.commands import ROOT, command, config_of, run, same_weights, table, timeless
from tests.sweeps.grids import (
    TINY,
    await_checkpoint,
    epochs_trained,
    run_directories,
    start,
    states,
    sweep,
    swept,
)
from tests.sweeps.mishaps import mishap

FOUR = ("model.scale=5,10", "optimizer.lr=1e-2,1e39", "model.dropout=0.2")  # two become infinite
EACH = ("seed=1,2", "model.scale=5,10", "model.dropout=0.2", "trainer.max_epochs=15")


def assert_same(one: Path, other: Path) -> None:
    """Weights, curves and results of two runs."""
    assert same_weights(one, other)
    assert table(one) == table(other)
    first, second = (timeless(read_json(path / "result.json")) for path in (one, other))
    assert first.pop("together") >= 1
    assert second.pop("together") >= 1
    for result in (first, second):
        result.pop("overrides")
        result["config"].pop("sweep")
        result["config"].pop("progress")
    assert first == second


@pytest.mark.seconds(6)
def test_points_of_one_process_are_as_alone_and_one_that_fails_harms_none(tmp_path: Path) -> None:
    ended = sweep(tmp_path / "sweep", *FOUR, "sweep.together=4")
    assert ended.returncode == 1
    assert "sweep.together=4 gains nothing on a CPU" in ended.stderr + ended.stdout
    found = run_directories(tmp_path / "sweep")
    assert sorted(states(tmp_path / "sweep").values()) == ["completed"] * 2 + ["failed"] * 2
    assert len({read_json(path / "status.json")["pid"] for path in found.values()}) == 1
    for path in found.values():
        log = (path / "train.log").read_text()
        assert log.count("one of 4 runs of this process") == 1
        assert epochs_trained(path)[:1] == [1]
        if "1e+39" in path.name:
            assert read_json(path / "status.json")["error"]["type"] == "DivergedError"
            assert log.count("weights became infinite or NaN") == 1
        else:
            assert epochs_trained(path) == [1, 2, 3]
            overrides = read_json(path / "result.json")["overrides"]
            assert read_json(path / "result.json")["together"] == 4
            run(tmp_path / path.name, *overrides)
            assert_same(path, tmp_path / path.name)


@pytest.mark.long
@pytest.mark.seconds(12)
def test_a_killed_process_interrupts_all_and_each_goes_on_alone(tmp_path: Path) -> None:
    grid = ("model.scale=5,10,20", *mishap(24, "kill", scale=10))
    apart = sweep(tmp_path / "apart", *grid)
    together = sweep(tmp_path / "together", *grid, "sweep.together=3")
    assert apart.returncode == together.returncode == 1, together.stdout + together.stderr
    assert states(tmp_path / "apart") == states(tmp_path / "together")
    for name, path in run_directories(tmp_path / "together").items():
        log = (path / "train.log").read_text()
        assert log.count("one of 3 runs of this process") == 1
        if "scale10" in name:
            error = read_json(path / "status.json")["error"]
            assert "SIGKILL" in error["message"]  # of its second start, alone
        else:
            assert ("going on from" in log) or "scale5_" not in name
            assert_same(path, tmp_path / "apart" / name)


@pytest.mark.long
@pytest.mark.seconds(25)
def test_stopped_together_and_gone_on_with_in_other_groups(tmp_path: Path) -> None:
    calm = swept(tmp_path / "calm", *EACH)
    stopped = tmp_path / "stopped"
    process = start(stopped, *EACH, "sweep.together=4")
    await_checkpoint(stopped, process)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    found = [read_json(path / "status.json") for path in run_directories(stopped).values()]
    assert len(found) == 4
    assert {status["state"] for status in found} == {"failed"}
    assert {status["error"]["type"] for status in found} == {"Interrupted"}
    process = start(stopped, *EACH, "sweep.together=2")
    await_checkpoint(stopped, process)
    process.kill()
    process.communicate()
    swept(stopped, *EACH, "sweep.together=3")
    for name, path in run_directories(calm).items():
        assert_same(stopped / name, path)


@cache
def config(*overrides: str) -> dict:
    return config_of(*TINY, *overrides)


@pytest.mark.parametrize(
    ("overrides", "shares"),
    [
        (["seed=2", "model.scale=7", "model.regularizer=1e-3", "model.tau_mem=20"], True),
        (["optimizer=sgd", "optimizer.lr=0.1", "scheduler=cosine"], True),
        (["trainer.max_epochs=9", "model.label_smoothing=0.1"], True),
        (["model.nb_hidden=25"], False),
        (["model.dropout=0.1"], False),
        (["model.reset=subtract"], False),
        (["model=se_adlif"], False),
        (["data.nb_steps=31"], False),
        (["data.batch_size=32"], False),
        (["trainer.gradient_clip_val=1"], False),
        (["threads=2"], False),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else None,
)
def test_which_points_can_share_a_process(overrides: list[str], shares: bool) -> None:
    assert (shared_part(config(*overrides)) == shared_part(config())) is shares


@pytest.fixture
def composer() -> Iterator[Composer]:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        yield Composer(ROOT / "conf", "train")


def test_points_are_grouped_in_order(composer: Composer, tmp_path: Path) -> None:
    lines = [
        [*TINY, f"model.nb_hidden={units}", f"seed={seed}"]
        for seed in (1, 2, 3)
        for units in (8, 12)
    ]
    points = make_points(composer, lines, tmp_path)

    def groups(most: int, alone: tuple[int, ...] = ()) -> list[list[int]]:
        found = grouped(points, most, {points[i].name for i in alone})
        return [[points.index(point) for point in group] for group in found]

    assert groups(1) == [[0], [1], [2], [3], [4], [5]]
    assert groups(2) == [[0, 2], [1, 3], [4], [5]]
    assert groups(4) == [[0, 2, 4], [1, 3, 5]]
    assert groups(4, alone=(0, 3)) == [[0], [1, 5], [2, 4], [3]]


@pytest.mark.parametrize(
    ("more", "alone"),
    [
        ({}, False),
        ({"accumulate_grad_batches": 3}, True),
        ({"accumulate_grad_batches": 1, "detect_anomaly": False}, False),
        ({"detect_anomaly": True}, True),
        ({"profiler": "simple"}, True),
    ],
)
def test_what_belongs_to_the_whole_process_keeps_a_point_alone(more: dict, alone: bool) -> None:
    given = config()
    assert must_be_alone(given | {"trainer": given["trainer"] | more}) is alone
    wandb = {"_target_": "snn.training.trackers.Wandb"}
    assert must_be_alone(given | {"logger": {"csv": None, "wandb": wandb}})


def test_launchers_that_start_points_themselves_are_refused(tmp_path: Path) -> None:
    ended = command(
        *("-m", "seed=1,2", "sweep.together=2", "+hydra.job.env_set.A=b"),
        f"hydra.sweep.dir={tmp_path}",
    )
    assert ended.returncode == 2
    assert "sweep.together=2: must be 1, unless the sweep itself starts" in ended.stderr


def test_a_stopped_company_is_told_at_its_next_batch_and_all_end() -> None:
    seen: list[str] = []

    def work(name: str) -> None:
        try:
            while True:
                company.check()
                company.meet(lambda: None)
                if not seen:
                    seen.append("meets")
                    signal.raise_signal(signal.SIGTERM)
        except Interrupted as stop:
            seen.append(f"{name}: {stop}")

    with pytest.raises(Interrupted):
        run_to_end(Company([lambda: work("a"), lambda: work("b")], lambda wanted: wanted))
    assert sorted(seen) == ["a: interrupted by SIGTERM", "b: interrupted by SIGTERM", "meets"]
    assert company.beside() == 1
