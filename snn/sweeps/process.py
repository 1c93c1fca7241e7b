"""How the processes of points are made, and that none outlives what it was made for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext

SERVER = "snn.sweeps.server"


def process_context() -> BaseContext:
    """How the processes of points are made.

    A server forks them, which has imported what a run needs and computed nothing
    (:mod:`snn.sweeps.server`): seconds less for each point, and no state of an earlier one. Where
    nothing can be forked each is a new interpreter.
    """
    method = "spawn" if sys.platform == "win32" else "forkserver"
    if multiprocessing.get_start_method() not in multiprocessing.get_all_start_methods():
        # A worker of joblib, whose own method a new process would not know.
        multiprocessing.set_start_method(method, force=True)
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload([SERVER])
    return context


def start_server() -> None:
    """Let the server begin with its imports; call it from the main thread, with which it ends."""
    if process_context().get_start_method() == "forkserver":
        from multiprocessing import resource_tracker
        from multiprocessing.forkserver import ensure_running

        resource_tracker.ensure_running()  # which would let the signal in again
        # A Ctrl-C while its interpreter starts would end in a traceback there. The server lets the
        # signal in when it can answer it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def die_with_parent() -> None:
    """Stop as SIGTERM does when the process that waits for this one is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
