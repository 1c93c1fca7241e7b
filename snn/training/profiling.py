"""Lightning without a profiler, and without the time that it takes to have none."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from pytorch_lightning.profilers import PassThroughProfiler

_NOTHING = nullcontext()


class NoProfiler(PassThroughProfiler):
    """Profiles nothing. Lightning's own makes a generator for every hook of every callback, some
    sixty of them a training step."""

    def profile(self, action_name: str) -> AbstractContextManager[None]:
        return _NOTHING
