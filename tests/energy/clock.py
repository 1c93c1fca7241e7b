"""A counter that no machine lacks: 100 watts."""

from __future__ import annotations

import time
from collections.abc import Sequence

from snn.energy import Counter

WATTS = 100.0


class Clock(Counter):
    """As steady as time."""

    def open(self, gpus: Sequence[str]) -> None:
        self.start, self.scope = time.monotonic(), "a steady load"

    def joules(self) -> float:
        return WATTS * (time.monotonic() - self.start)
