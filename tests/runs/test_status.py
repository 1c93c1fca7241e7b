"""What a run's status says of its end: done, failed, stopped by a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from snn.runs import (
    Interrupted,
    read_json,
    recorded,
)


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
