"""The process that forks the processes of points: importing this makes it what it is.

:mod:`multiprocessing` starts it and imports this module there, and nowhere else
(:func:`snn.sweeps.process.process_context`). It imports what a run needs, draws a figure, and
computes nothing: a process that is forked while OpenMP or PyTorch have threads would hang in their
next use, and what CUDA holds cannot be inherited at all. It ends with the process that started it,
however that ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import signal
import sys
from collections.abc import Iterator

# What runs import late, by no means all of it by each.
PRELOADED = (
    *("snn.sweeps.job", "snn.sweeps.group", "snn.sweeps.search.pruning"),
    *("snn.runs.run", "snn.config.assembly", "snn.config.rehearsal"),
    *("snn.training.classifiers", "snn.training.declared", "snn.training.rnn"),
    *("snn.data.randman", "snn.data.fashion_mnist", "snn.data.shd", "snn.data.tbl"),
    *("snn.neurons", "snn.network", "snn.kernels", "snn.energy", "snn.plots"),
    *("pytorch_lightning.loggers", "torch.utils.tensorboard", "tensorboard.plugins.hparams"),
    *("tensorboard.plugins.custom_scalar.summary", "matplotlib.pyplot", "PIL.PngImagePlugin"),
    *("matplotlib.backends.backend_agg", "torch.profiler", "hydra.core.hydra_config", "rich.live"),
)
PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Let the system kill this process when the thread that started it ends; on Linux.

    Elsewhere it ends when it has done its imports and finds the pipe to its parent closed.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended just before
        os._exit(1)


def draw_once() -> None:
    """Draw a figure as runs do: fonts are found and styles read once for all of them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from snn.plots import confusion

    FigureCanvasAgg(confusion([[1, 0], [0, 1]], ["0", "1"], "")).draw()


@contextlib.contextmanager
def quiet_end() -> Iterator[None]:
    """A Ctrl-C reaches this process too: it ends without a word, the sweep says what is to be said.

    Afterwards multiprocessing ignores it here and leaves it to the forked processes as it was.
    """
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def import_all() -> None:
    """Import, and leave no garbage for the forked processes to collect."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):  # a run that needs it will say so
            importlib.import_module(name)
    with contextlib.suppress(Exception):  # likewise
        draw_once()
    gc.collect()
    gc.freeze()  # else the first collection of each would copy every page


end_with_parent()
with quiet_end():
    import_all()
