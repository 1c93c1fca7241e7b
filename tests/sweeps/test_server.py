"""The server that points are forked from: clean when it forks, gone when its sweep is."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.sweeps.grids import await_checkpoint, run_directories, start, sweep

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc, and a signal of Linux")


def await_that(found: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def is_server(process: psutil.Process) -> bool:
    try:
        return "snn.sweeps.server" in " ".join(process.cmdline())
    except psutil.Error:
        return False


@pytest.mark.seconds(12)
def test_it_has_no_threads_and_dies_with_its_sweep(tmp_path: Path) -> None:
    # In a new interpreter, whose server is of multiprocessing's own making. OpenBLAS, which minds
    # being forked itself, would begin its threads at an import.
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2"}
    process = start(tmp_path, "trainer.max_epochs=2000", "seed=1,2", fresh=True, **threads)
    try:
        await_checkpoint(tmp_path, process)
        (server,) = filter(is_server, psutil.Process(process.pid).children())
        assert server.num_threads() == 1
        (point,) = server.children()
        os.kill(process.pid, signal.SIGKILL)
        await_that(lambda: is_gone(server), seconds=20)
        await_that(lambda: is_gone(point), seconds=120)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.seconds(8)
def test_a_ctrl_c_while_it_imports_is_said_in_a_line(tmp_path: Path) -> None:
    process = start(tmp_path, "seed=1,2", fresh=True)
    servers: list[psutil.Process] = []

    def started() -> bool:
        servers[:] = filter(is_server, psutil.Process(process.pid).children())
        return bool(servers)

    await_that(started, seconds=60)
    for one in (*servers, process):  # as a terminal does
        one.send_signal(signal.SIGINT)
    said, _ = process.communicate()
    assert process.returncode == 130, said
    assert said == "error: interrupted by SIGINT\n"


@pytest.mark.long
def test_none_is_left_of_a_finished_sweep(tmp_path: Path) -> None:
    before = {process.pid for process in psutil.process_iter()}
    ended = sweep(tmp_path, "seed=1,2", fresh=True, SNN_CACHE=str(tmp_path))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(run_directories(tmp_path)) == 2

    def is_ours(process: psutil.Process) -> bool:
        try:
            ours = process.environ().get("SNN_CACHE") == str(tmp_path)
        except psutil.Error:
            return False
        return ours and process.pid not in before

    await_that(lambda: not any(map(is_ours, psutil.process_iter())), seconds=20)
