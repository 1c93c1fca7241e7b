"""Commands forked from a process that has imported everything already: seconds less for each.

A server is started once for each process of pytest. It imports what ``train.py`` and
``sweep_summary.py`` need, computes nothing and starts no thread. For each command it forks a
process, which gets its own arguments, folder, environment, output and session, and then runs the
script as ``python script.py ...`` does: the same exit codes, the same signals. A sweep's own server
of points (:mod:`snn.sweeps.job`) is forked likewise in place of a new interpreter.

Where a variable of the environment differs that may matter to an import, a command needs a real
interpreter; :func:`can_fork` says so.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]

PRELOADED = (
    *("snn.runs.run", "snn.sweeps.job", "snn.config.assembly", "snn.analysis.summary"),
    *("snn.config.rehearsal", "snn.analysis.watch", "snn.data.shd", "snn.data.tbl"),
    *("snn.data.fashion_mnist", "snn.data.randman", "snn.network", "snn.kernels"),
    *("snn.cli.train", "snn.cli.summary", "snn.cli.command", "snn.cli.printout", "rich.live"),
    *("hydra_plugins.snn_sweeper", "pytorch_lightning.loggers"),
    *("torch.utils.tensorboard", "torch.profiler"),
    *("optuna", "optuna.storages.journal", "optuna.samplers._tpe.sampler"),
    *("matplotlib.pyplot", "PIL.PngImagePlugin", "antlr4", "multiprocessing.forkserver"),
)

# Variables that are read when they are needed, never at an import, or that an import itself sets.
HARMLESS = frozenset(
    {"HYDRA_FULL_ERROR", "PATH", "PYTEST_CURRENT_TEST", "SLURM_CONF", "SLURM_RESTART_COUNT"}
    | {"CUDA_VISIBLE_DEVICES", "MPLBACKEND", "TMPDIR", "SNN_DATA", "SNN_CACHE", "SNN_TEST_HOLD"}
    | {"PYTORCH_NVML_BASED_CUDA_CHECK", "TORCHINDUCTOR_CACHE_DIR", "TERM", "COLUMNS", "LINES"}
)


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether a command with this environment may be forked from this process's server."""
    if not hasattr(os, "fork"):
        return False
    names = _STARTED_WITH.keys() | environment.keys()
    differing = {n for n in names if _STARTED_WITH.get(n) != environment.get(n)}
    return differing <= HARMLESS


_STARTED_WITH = dict(os.environ)  # imports and runs in this process add to it


class Forked:
    """A command of the server, with what tests use of :class:`subprocess.Popen`.

    Args:
        arguments: the script and what follows.
        cwd: the folder it runs in.
        environment: all of it.
        merge: one file for both outputs.
        terminal: descriptor of one that both outputs are written to instead.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        *,
        merge: bool,
        terminal: int | None = None,
    ) -> None:
        self.args = list(arguments)
        self.returncode: int | None = None
        self._out: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._err = None if merge or terminal is not None else tempfile.TemporaryFile()  # noqa: SIM115
        self._status, status = os.pipe()
        with tempfile.TemporaryFile() as request, open(os.devnull, "rb") as nothing:
            request.write(json.dumps([self.args, str(cwd), dict(environment)]).encode())
            request.seek(0)
            out = self._out.fileno() if terminal is None else terminal
            error = out if self._err is None else self._err.fileno()
            passed = [request.fileno(), nothing.fileno(), out, error, status]
            socket.send_fds(_server(), [b"x"], passed)
        os.close(status)
        self._words = os.fdopen(self._status, "r")
        self.pid = int(self._words.readline())

    def poll(self) -> int | None:
        """The exit code if it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; the exit code, -n after signal n."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            self.returncode = int(self._words.readline())
            self._words.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str | None]:
        """What it wrote until its end."""
        self.wait(timeout)
        texts = []
        for file in (self._out, self._err):
            if file is not None:
                file.seek(0)
            texts.append(None if file is None else file.read().decode())
        return tuple(texts)

    def send_signal(self, signum: int) -> None:
        """Send a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        """Send SIGKILL unless it has ended."""
        self.send_signal(signal.SIGKILL)


@functools.cache
def _server() -> socket.socket:
    """Start the server; the socket that takes requests and whose end ends it."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(theirs.fileno())],
        cwd=ROOT,
        env=_STARTED_WITH,
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for pytest, which then closes the socket
    )
    theirs.close()

    def stop() -> None:
        ours.close()
        process.wait()

    atexit.register(stop)
    return ours


class Server:
    """The other side.

    Args:
        control: its socket.
    """

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.wake, self.waker = socket.socketpair()
        self.waker.setblocking(False)
        # Where to write the exit code of each running process.
        self.status: dict[int, int] = {}

    def serve(self) -> list[int] | None:
        """Fork until the socket's other end is closed.

        Returns:
            In a forked process the descriptors of its request; None at the end of the server.
        """
        signal.set_wakeup_fd(self.waker.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            ready, _, _ = select.select([self.control, self.wake], [], [])
            if self.wake in ready:
                self.wake.recv(4096)
                self._reap()
            if self.control in ready:
                message, fds, _, _ = socket.recv_fds(self.control, 1, 5)
                if not message:
                    self._kill_all()
                    return None
                pid = os.fork()
                if pid == 0:
                    self._forget()
                    return fds
                self.status[pid] = fds.pop()
                for fd in fds:
                    os.close(fd)

    def _reap(self) -> None:
        while self.status:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            fd = self.status.pop(pid)
            with contextlib.suppress(BrokenPipeError):
                os.write(fd, b"%d\n" % os.waitstatus_to_exitcode(status))
            os.close(fd)

    def _kill_all(self) -> None:
        for pid in self.status:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _forget(self) -> None:
        """Leave nothing of the server to a process that it has forked."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in (self.control, self.wake, self.waker):
            each.close()
        for fd in self.status.values():
            os.close(fd)


def become(fds: Sequence[int]) -> None:
    """Run the command of a request in this process."""
    request, *streams, status = fds
    with os.fdopen(request, "rb") as file:
        (script, *arguments), cwd, environment = json.load(file)
    for target, fd in enumerate(streams):
        os.dup2(fd, target)
    for fd in set(streams):
        os.close(fd)
    os.setsid()
    os.write(status, b"%d\n" % os.getpid())
    os.close(status)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # remembered from the server's TMPDIR
    time.tzset()
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).resolve().parent)
    if {"-m", "--multirun"} & set(arguments):
        _keep_a_spare()
    runpy.run_path(script, run_name="__main__")


def _keep_a_spare() -> None:
    """Fork a process that becomes multiprocessing's server of a sweep when that is started.

    It is forked before the command begins, so that it is as clean as a new interpreter's.
    """
    from multiprocessing import util

    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _wait_for_use(theirs)
    theirs.close()
    spawn = util.spawnv_passfds

    def spawn_or_take(path: bytes, arguments: Sequence[str], passed: Sequence[int]) -> int:
        code = arguments[-1]
        if "multiprocessing.forkserver" not in code or ours.fileno() < 0:
            return spawn(path, arguments, passed)
        numbers = json.dumps([code, list(passed)]).encode()
        socket.send_fds(ours, [numbers], passed)
        ours.close()
        return pid

    util.spawnv_passfds = spawn_or_take


def _wait_for_use(theirs: socket.socket) -> None:
    """All of the spare process."""
    import fcntl  # not on Windows, where nothing is forked

    message, fds, _, _ = socket.recv_fds(theirs, 65536, 16)
    theirs.close()
    if not message:
        os._exit(0)
    code, numbers = json.loads(message)
    apart = [fcntl.fcntl(fd, fcntl.F_DUPFD, 500) for fd in fds]  # in nobody's way
    for fd in fds:
        os.close(fd)
    for fd, number in zip(apart, numbers, strict=True):
        os.dup2(fd, number)
        os.close(fd)
    try:
        exec(code, {"__name__": "__main__"})
    finally:
        os._exit(0)


def main() -> None:
    """The server's process, and each that it forks."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):  # whoever needs it will say so
            importlib.import_module(name)
    from hydra.core.plugins import Plugins

    Plugins.instance()  # looks for plugins once
    gc.collect()
    gc.freeze()  # a collection in a forked process would copy every page
    fds = Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    if fds is not None:
        become(fds)


if __name__ == "__main__":
    main()
