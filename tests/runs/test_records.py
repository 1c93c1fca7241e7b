"""Run records: whole files, true states, stable identity, careful re-use of directories."""

from __future__ import annotations

import inspect
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
import typing
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import get_object

from snn.config.identity import NOT_TASK, NULL_MATTERS
from snn.errors import RunError
from snn.runs import (
    Interrupted,
    RunDirectory,
    config_hash,
    differences,
    read_json,
    recorded,
    write_json,
)
from tests.commands import ROOT

CONFIG = {
    "seed": 1,
    "threads": None,
    "data": {"root": "/a", "nb_steps": 100},
    "model": {"nb_hidden": [100, 50]},
    "trainer": {"max_epochs": 3, "accelerator": "cpu"},
}


def changed(**dotted: object) -> dict:
    config = json.loads(json.dumps(CONFIG))
    for key, value in dotted.items():
        *parents, leaf = key.split("__")
        node = config
        for parent in parents:
            node = node[parent]
        node[leaf] = value
    return config


def test_files_are_valid_json_whatever_the_values(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(
        path,
        {"nan": math.nan, "inf": -math.inf, "np": np.float32(0.5), "t": torch.tensor(3), "p": path},
    )
    text = path.read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert read_json(path) == {"nan": None, "inf": None, "np": 0.5, "t": 3, "p": str(path)}
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"a\.json: cannot be written \(No space left"):
        write_json(path, {"a": 2})
    assert read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", '{"a": 1', "\x00"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(RunError, match=r"result\.json: cannot be read as JSON"):
        read_json(path)


@pytest.mark.parametrize("text", ["[]", "null", '"running"', "1"])
def test_a_record_is_an_object(tmp_path: Path, text: str) -> None:
    path = tmp_path / "status.json"
    path.write_text(text)
    with pytest.raises(RunError, match=r"status\.json: not a JSON object"):
        read_json(path)


def test_hash_ignores_where_and_sees_what() -> None:
    same = [
        changed(data__root="/b"),
        changed(threads=4),
        changed(trainer__accelerator="gpu"),
        changed(ckpt_path="last"),
    ]
    assert {config_hash(c) for c in same} == {config_hash(CONFIG)}
    others = [
        changed(seed=2),
        changed(data__nb_steps=101),
        changed(model__nb_hidden=[100]),
        changed(trainer__max_epochs=4),
    ]
    assert len({config_hash(c) for c in [CONFIG, *others]}) == 5


def test_an_option_that_is_off_is_no_part_of_the_task() -> None:
    off = [
        changed(model__new=None),
        changed(augment=None),
        changed(augment={}),
        changed(augment={"shift": {"shape": None}}),
        changed(test=False),
    ]
    assert {config_hash(c) for c in off} == {config_hash(CONFIG)}
    assert all(differences(CONFIG, c) == {} for c in off)
    on = [
        changed(model__new=0),
        changed(model__new=False),
        changed(model__new=[]),
        changed(augment={"shift": {"max_shift": 1}}),
    ]
    assert len({config_hash(c) for c in (CONFIG, *on)}) == 5


def test_wherever_null_is_not_the_default_it_is_hashed() -> None:
    """Else a key that is null and one that is absent would be one task with two results."""
    seen = set()
    for file in sorted((ROOT / "conf").rglob("*.yaml")):
        if file.relative_to(ROOT / "conf").parts[0] in NOT_TASK:
            continue
        for target in re.findall(r"_target_: (snn\.\S+)", file.read_text()):
            found = get_object(target)
            function = found.__init__ if inspect.isclass(found) else found
            hints = typing.get_type_hints(function)
            for name, parameter in inspect.signature(found).parameters.items():
                admits_null = type(None) in typing.get_args(hints.get(name))
                if admits_null and parameter.default is not None:
                    seen.add(f"{file.relative_to(ROOT / 'conf').parts[0]}.{name}")
    assert seen == NULL_MATTERS


def test_differences_name_the_keys() -> None:
    assert differences(CONFIG, changed(seed=2, data__root="/b")) == {"seed": (1, 2)}


def test_states(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    with recorded(path, {"config_hash": "abc"}):
        status = read_json(path)
        assert status["state"] == "running"
        assert status["pid"] == os.getpid()
        assert status["end"] is None
    status = read_json(path)
    assert (status["state"], status["error"], status["config_hash"]) == ("completed", None, "abc")
    assert status["end"] is not None


def test_a_failure_is_kept_with_its_traceback(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    with pytest.raises(ZeroDivisionError), recorded(path, {}):
        1 / 0  # noqa: B018
    status = read_json(path)
    assert status["state"] == "failed"
    assert status["error"]["type"] == "ZeroDivisionError"
    assert "1 / 0" in status["error"]["traceback"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_kept(tmp_path: Path, signum: signal.Signals) -> None:
    path = tmp_path / "status.json"
    code = (
        "import pathlib, sys, time\n"
        "from snn.runs import recorded\n"
        "with recorded(pathlib.Path(sys.argv[1]), {}):\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signum)
    process.communicate(timeout=60)
    status = read_json(path)
    assert status["state"] == "failed"
    assert status["error"]["message"] == f"interrupted by {signum.name}"


def run_with(tmp_path: Path, *files: str) -> RunDirectory:
    run = RunDirectory(tmp_path)
    run.checkpoints.mkdir()
    write_json(run.config, CONFIG)
    for name in files:
        if name.endswith(".ckpt"):
            torch.save({"state_dict": {"w": torch.ones(2)}, "epoch": 3}, tmp_path / name)
        else:
            (tmp_path / name).write_text("{}")
    return run


def test_a_new_directory_starts_afresh(tmp_path: Path) -> None:
    assert RunDirectory(tmp_path / "new").checkpoint_for(None, CONFIG) is None


@pytest.mark.parametrize("kept", ["result.json", "checkpoints/last.ckpt"])
def test_work_is_not_overwritten(tmp_path: Path, kept: str) -> None:
    with pytest.raises(RunError, match="already holds a run"):
        run_with(tmp_path, kept).checkpoint_for(None, CONFIG)


def test_going_on_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds no run.*hydra\.run\.dir"):
        RunDirectory(tmp_path).checkpoint_for("last", CONFIG)
    with pytest.raises(RunError, match="no such file"):
        RunDirectory(tmp_path).checkpoint_for("nowhere.ckpt", CONFIG)


def test_going_on(tmp_path: Path) -> None:
    run = run_with(tmp_path, "status.json", "checkpoints/last.ckpt")
    assert run.checkpoint_for("last", changed(data__root="/b")) == run.last
    assert run.checkpoint_for("last", changed(trainer__max_epochs=5)) == run.last
    for other in (changed(seed=2), changed(trainer__max_epochs=2)):
        with pytest.raises(RunError, match="another configuration"):
            run.checkpoint_for("last", other)


def test_going_on_before_the_first_checkpoint_starts_again(tmp_path: Path) -> None:
    assert run_with(tmp_path, "status.json").checkpoint_for("last", CONFIG) is None


def test_another_run_s_checkpoint_is_no_way_around_the_rules(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a = run_with(tmp_path / "a", "status.json", "checkpoints/last.ckpt")
    b = run_with(tmp_path / "b", "result.json")
    assert RunDirectory(tmp_path / "c").checkpoint_for(str(a.last), CONFIG) == a.last
    with pytest.raises(RunError, match="already holds a run"):
        b.checkpoint_for(str(a.last), CONFIG)
    with pytest.raises(RunError, match="another configuration"):
        RunDirectory(tmp_path / "c").checkpoint_for(str(a.last), changed(seed=2))


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    run = run_with(tmp_path, "status.json", "checkpoints/last.ckpt")
    assert RunDirectory.load_weights(run.last)[1] == 3
    run.last.write_bytes(run.last.read_bytes()[:200])
    with pytest.raises(RunError, match=r"last\.ckpt: damaged, or not a checkpoint"):
        run.checkpoint_for("last", CONFIG)


def test_two_processes_never_share_a_directory(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from snn.runs import RunDirectory\n"
        "with RunDirectory(sys.argv[1]).owned():\n"
        "    print('mine', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout.readline() == "mine\n"
    with (
        pytest.raises(RunError, match="another process is training here"),
        RunDirectory(tmp_path).owned(),
    ):
        pass
    other.communicate("", timeout=60)
    with RunDirectory(tmp_path).owned():
        pass


def test_a_signal_that_is_turned_into_another_error_is_still_a_signal(tmp_path: Path) -> None:
    path = tmp_path / "status.json"

    def stopped_in_code_that_masks_it() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException:
            raise ValueError("masked") from None

    with pytest.raises(Interrupted), recorded(path, {}):
        stopped_in_code_that_masks_it()
    status = read_json(path)
    assert status["error"]["message"] == "interrupted by SIGTERM"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_that_somebody_else_handles_is_theirs(tmp_path: Path) -> None:
    received = []
    before = signal.signal(signal.SIGTERM, lambda signum, _: received.append(signum))
    try:
        with recorded(tmp_path / "status.json", {}):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == [signal.SIGTERM] * 2
    assert read_json(tmp_path / "status.json")["state"] == "completed"


def test_leaving_is_an_interruption(tmp_path: Path) -> None:
    with pytest.raises(SystemExit), recorded(tmp_path / "status.json", {}):
        sys.exit(-1)
    status = read_json(tmp_path / "status.json")
    assert (status["state"], status["error"]["type"]) == ("failed", "Interrupted")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_second_signal_does_not_disturb_the_end_that_the_first_began(tmp_path: Path) -> None:
    """As Ctrl-C in a sweep: SIGINT from the terminal, then SIGTERM from the sweep."""
    closed = []

    def works() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            closed.append(True)
            if len(closed) == 2:
                os.kill(os.getpid(), signal.SIGINT)  # once more: somebody cannot wait
                closed.append("not reached")

    for _ in range(2):
        path = tmp_path / "status.json"
        with pytest.raises(Interrupted) as stop, recorded(path, {}):
            works()
        assert stop.value.signum == signal.SIGINT
        assert read_json(path)["error"]["message"] == "interrupted by SIGINT"
    assert closed == [True, True]
