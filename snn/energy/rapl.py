"""RAPL: the energy counters of Intel's and AMD's processors, as Linux shows them.

``/sys/class/powercap/intel-rapl:<n>`` is a domain, ``energy_uj`` its counter in microjoules, which
begins anew at 0 behind ``max_energy_range_uj`` (Linux, Documentation/power/powercap/powercap.rst;
AMD's processors use the same names). Packages alone are summed: cores, uncore and graphics are
parts of them, ``psys`` contains them, and only some machines tell memory modules (``dram``) apart.
The counters are the machine's: whatever else runs on it is counted too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from snn.energy.counter import Counter, Unreadable

MICRO = 1e-6


class _Domain:
    """One counter, unwound.

    Args:
        folder: of the domain.
    """

    def __init__(self, folder: Path) -> None:
        self.name = _name(folder)
        self.file = folder / "energy_uj"
        self.range = int((folder / "max_energy_range_uj").read_text())
        self.last = self._read()
        self.total = 0

    def _read(self) -> int:
        return int(self.file.read_text())

    def microjoules(self) -> int:
        now = self._read()
        # A counter that has wrapped shows less than before. It must be read more often than it
        # wraps: that it did so twice could not be seen.
        passed = now - self.last
        self.total += passed if passed >= 0 else passed + self.range
        self.last = now
        return self.total


class Rapl(Counter):
    """All processor packages of the machine.

    Args:
        root: folder of the domains.
    """

    # A package of 300 W wraps the usual range of 262 kJ in 14 minutes.
    poll_seconds = 60.0
    resolution_seconds = 0.001

    def __init__(self, root: str = "/sys/class/powercap") -> None:
        self.root = Path(root)
        self._domains: list[_Domain] = []

    def open(self, gpus: Sequence[str]) -> None:
        folders = sorted(self.root.glob("intel-rapl:*"))
        if not folders:
            raise Unreadable(f"no {self.root}/intel-rapl:*")
        try:
            packages = [folder for folder in folders if _name(folder).startswith("package")]
            self._domains = [_Domain(folder) for folder in packages]
        except (OSError, ValueError) as error:
            raise Unreadable(_reason(error)) from None
        if not self._domains:
            raise Unreadable(f"no package among {self.root}/intel-rapl:*")
        names = ", ".join(domain.name for domain in self._domains)
        self.scope = f"{names}; the whole machine, other processes too"

    def joules(self) -> float:
        try:
            return MICRO * sum(domain.microjoules() for domain in self._domains)
        except (OSError, ValueError) as error:
            raise Unreadable(_reason(error)) from None


def _name(folder: Path) -> str:
    return (folder / "name").read_text().strip()


def _reason(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return f"{error.filename}: permission denied (energy_uj is for root unless it is opened)"
    return str(error)
