"""codecarbon: energy from a model of the machine, where no counter can be read.

It takes the processor's rated power times its load, and so many watts for the memory; the package
is optional (``pip install 'snn[energy]'``). Whatever it says is marked as estimated here, also
where it finds a counter itself. Nothing is sent anywhere and no file is written.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Sequence
from typing import Any

from snn.energy.counter import Counter, Source, Unreadable
from snn.errors import SnnError

JOULES_PER_KWH = 3.6e6


class CodeCarbon(Counter):
    """codecarbon's estimate for this process's machine.

    Args:
        country: ISO code of three letters; matters to its emissions alone, which are not used.
        seconds: time between two samples of its own.

    Raises:
        SnnError: the package is missing, which was asked for by name.
    """

    source: Source = "estimated"
    resolution_seconds = 1.0
    updates = 2

    def __init__(self, country: str = "USA", seconds: float = 5.0) -> None:
        if importlib.util.find_spec("codecarbon") is None:
            raise SnnError("energy: codecarbon is not installed: pip install 'snn[energy]'")
        self.country, self.seconds = country, seconds
        self._tracker: Any = None

    def open(self, gpus: Sequence[str]) -> None:
        package = importlib.import_module("codecarbon")
        logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
        try:
            self._tracker = package.OfflineEmissionsTracker(
                country_iso_code=self.country,
                measure_power_secs=self.seconds,
                save_to_file=False,
                allow_multiple_runs=True,
                tracking_mode="machine",
                log_level="critical",
                gpu_ids=list(gpus),
            )
            self._tracker.start()
            self._kwh()
        except Exception as error:  # of any kind: it asks the operating system a lot
            raise Unreadable(f"codecarbon: {error or type(error).__name__}") from None
        version = getattr(package, "__version__", "")
        self.scope = f"codecarbon {version}: a model of processor and memory of the whole machine"

    def _kwh(self) -> float:
        self._tracker.flush()
        return float(self._tracker._prepare_emissions_data().energy_consumed)

    def joules(self) -> float:
        try:
            return JOULES_PER_KWH * self._kwh()
        except Exception as error:
            raise Unreadable(f"codecarbon: {error or type(error).__name__}") from None

    def close(self) -> None:
        if self._tracker is not None:
            self._tracker.stop()
        self._tracker = None
