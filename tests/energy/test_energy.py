"""Counters of energy: units, wrap-around, what cannot be read, windows."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from snn.energy import CodeCarbon, Counter, Meter, Nvml, Rapl, Unreadable
from snn.energy.operations import operations_joules
from snn.errors import SnnError


class Tree:
    """A fake ``/sys/class/powercap``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def domain(self, folder: str, name: str, microjoules: int, most: int = 262143328850) -> None:
        place = self.root / folder
        place.mkdir(parents=True)
        (place / "name").write_text(f"{name}\n")
        (place / "max_energy_range_uj").write_text(f"{most}\n")
        self.set(folder, microjoules)

    def set(self, folder: str, microjoules: int) -> None:
        file = self.root / folder / "energy_uj"
        file.with_suffix(".new").write_text(f"{microjoules}\n")
        file.with_suffix(".new").replace(file)  # never half of a number, as of the system's


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Two packages, their parts, and the whole platform."""
    tree = Tree(tmp_path)
    tree.domain("intel-rapl:0", "package-0", 1_000_000)
    tree.domain("intel-rapl:0:0", "core", 900_000)
    tree.domain("intel-rapl:0:1", "dram", 100_000)
    tree.domain("intel-rapl:1", "package-1", 5_000_000, most=6_000_000)
    tree.domain("intel-rapl:2", "psys", 7_000_000)
    return tree


def rapl(tree: Tree) -> Rapl:
    counter = Rapl(str(tree.root))
    counter.open([])
    return counter


def test_packages_are_summed_in_joules_and_their_parts_are_not(tree: Tree) -> None:
    counter = rapl(tree)
    assert counter.joules() == 0.0
    tree.set("intel-rapl:0", 3_500_000)
    for part in ("intel-rapl:0:0", "intel-rapl:0:1", "intel-rapl:2"):
        tree.set(part, 9_000_000)
    assert counter.joules() == pytest.approx(2.5)
    assert "package-0, package-1" in counter.scope
    assert "whole machine" in counter.scope


def test_a_counter_that_wraps_goes_on(tree: Tree) -> None:
    counter = rapl(tree)
    tree.set("intel-rapl:1", 500_000)  # 1.0 J to the end of its range, 0.5 J after it
    assert counter.joules() == pytest.approx(1.5)
    tree.set("intel-rapl:1", 400_000)  # nearly all of the range
    assert counter.joules() == pytest.approx(1.5 + 5.9)


def test_long_windows_are_read_before_the_counter_wraps_twice(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Rapl(str(tree.root))
    monkeypatch.setattr(counter, "poll_seconds", 0.001)
    meter = Meter({"cpu": counter})
    with meter.opened():
        begin = meter.mark()
        for turn in range(1, 4):
            for value in (1_000_000, 5_000_000):
                tree.set("intel-rapl:1", value)
                await_that(lambda v=value: counter._domains[1].last == v)
            assert meter.since(begin).joules == pytest.approx(6.0 * turn)
    assert meter._poller is None


def await_that(condition: Callable[[], bool]) -> None:
    import time

    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_no_counter_and_one_for_root_alone(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unreadable, match=r"no .*nowhere"):
        Rapl(str(tmp_path / "nowhere")).open([])

    read = Path.read_text

    def refused(path: Path, *arguments: object, **options: object) -> str:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(Unreadable, match="permission denied"):
        Rapl(str(tree.root)).open([])


class FakeNvml(types.ModuleType):
    """A ``pynvml`` of two GPUs; the second has no energy counter."""

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.millijoules = 5_000
        self.milliwatts = 100_000
        self.users = 0

    def nvmlInit(self) -> None:
        self.users += 1

    def nvmlShutdown(self) -> None:
        self.users -= 1

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        if uuid not in ("GPU-a", "GPU-b"):
            raise self.NVMLError("Not Found")
        return uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        if handle == "GPU-b":
            raise self.NVMLError("Not Supported")
        return self.millijoules

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        return self.milliwatts


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


def test_millijoules_of_the_gpus_in_use(nvml: FakeNvml) -> None:
    counter = Nvml()
    counter.open(["GPU-a"])
    assert counter.poll_seconds is None
    nvml.millijoules += 2_500
    assert counter.joules() == pytest.approx(2.5)
    nvml.millijoules = 10
    with pytest.raises(Unreadable, match="driver"):
        counter.joules()
    counter.close()
    assert nvml.users == 0


def test_power_is_integrated_where_there_is_no_counter(nvml: FakeNvml) -> None:
    counter, now = Nvml(), 10.0
    counter._clock = lambda: now
    counter.open(["GPU-b"])
    assert counter.poll_seconds == 0.1
    assert "power sampled" in counter.scope
    now, nvml.milliwatts = 12.0, 300_000
    assert counter.joules() == pytest.approx(2 * (100 + 300) / 2)
    now = 13.0
    assert counter.joules() == pytest.approx(400 + 300)


@pytest.mark.parametrize(("gpus", "reason"), [([], "no GPU"), (["GPU-z"], "Not Found")])
def test_gpus_that_cannot_be_read(nvml: FakeNvml, gpus: list[str], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        Nvml().open(gpus)
    assert nvml.users == 0


def test_a_missing_package_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(Unreadable, match=r"pip install 'snn\[energy\]'"):
        Nvml().open(["GPU-a"])


class Steps(Counter):
    """A counter that moves by ``step`` joules at every ``every``th reading."""

    resolution_seconds = 0.0

    def __init__(self, step: float = 1.0, every: int = 1, source: str = "measured") -> None:
        self.step, self.every, self.source, self.readings = step, every, source, -1
        self.scope, self.is_open = "steps", False

    def open(self, gpus) -> None:
        self.is_open = True

    def joules(self) -> float:
        self.readings += 1
        return self.step * (self.readings // self.every)

    def close(self) -> None:
        self.is_open = False


def test_short_work_is_repeated_until_the_counter_resolves_it(monkeypatch) -> None:
    monkeypatch.setattr("snn.energy.meter.LEAST_SECONDS", 0.0)
    # Read after each unit of work: 5 units for each step of 1 J are 0.2 J per unit.
    coarse = Steps(every=5)
    meter = Meter({"coarse": coarse})
    with meter.opened():
        window = meter.repeated(lambda: 1)
    assert window.units == 5 * coarse.updates
    assert window.joules / window.units == pytest.approx(0.2)
    assert window.seconds > 0
    assert not coarse.is_open


def test_a_counter_that_does_not_move_gives_no_figure() -> None:
    meter = Meter({"still": Steps(step=0.0)})
    with meter.opened():
        window = meter.repeated(lambda: 1, most_seconds=0.01)
    assert window.joules is None
    assert meter.source == "measured"


def test_estimates_are_marked_and_give_way_to_what_is_measured(tree: Tree) -> None:
    estimate = Steps(source="estimated")
    both = Meter({"estimate": estimate, "cpu": Rapl(str(tree.root))})
    with both.opened():
        assert (both.source, list(both.in_use)) == ("measured", ["cpu"])
        assert "not needed" in both.why_not()
    alone = Meter({"estimate": estimate, "cpu": Rapl(str(tree.root / "nowhere"))})
    with alone.opened():
        assert alone.source == "estimated"
        assert "cpu: no " in alone.why_not()


def test_a_counter_that_is_lost_leaves_no_figure(tree: Tree, caplog) -> None:
    meter = Meter({"cpu": Rapl(str(tree.root)), "other": Steps()})
    with meter.opened():
        begin = meter.mark()
        (tree.root / "intel-rapl:0" / "energy_uj").unlink()
        assert meter.since(begin).joules is None
        assert meter.since(begin).joules is None
        assert meter.repeated(lambda: 1, most_seconds=0.01).joules is None
    assert caplog.text.count("energy.cpu cannot be read any more") == 1


def test_nothing_to_count_with() -> None:
    meter = Meter({})
    with meter.opened():
        assert (meter.source, meter.describe()) == ("none", "")
        assert meter.since(meter.mark()).joules is None
        assert meter.repeated(lambda: 1 // 0).joules is None


class FakeCodecarbon(types.ModuleType):
    """A ``codecarbon`` that has used half a kilowatt-hour after two readings."""

    __version__ = "3"

    def __init__(self) -> None:
        super().__init__("codecarbon")
        self.asked: dict = {}
        self.calls: list[str] = []
        self.kwh = 0.0
        fake = self

        class OfflineEmissionsTracker:
            def __init__(self, **options: object) -> None:
                fake.asked = options

            def start(self) -> None:
                fake.calls.append("start")

            def stop(self) -> None:
                fake.calls.append("stop")

            def flush(self) -> None:
                fake.kwh += 0.25

            def _prepare_emissions_data(self) -> types.SimpleNamespace:
                return types.SimpleNamespace(energy_consumed=fake.kwh)

        self.OfflineEmissionsTracker = OfflineEmissionsTracker
        self.__spec__ = types.SimpleNamespace(name="codecarbon")


def test_codecarbon_is_an_estimate_in_joules(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeCodecarbon()
    monkeypatch.setitem(sys.modules, "codecarbon", fake)
    meter = Meter({"estimate": CodeCarbon()})
    with meter.opened():
        assert meter.source == "estimated"
        assert "model" in meter.describe()
        begin = meter.mark()
        assert meter.since(begin).joules == pytest.approx(0.25 * 3.6e6)
    assert fake.calls == ["start", "stop"]
    assert fake.asked["save_to_file"] is False


def test_codecarbon_that_is_asked_for_and_missing_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SnnError, match=r"pip install 'snn\[energy\]'"):
        CodeCarbon()


def test_operations_as_picojoules() -> None:
    assert operations_joules(1e6, 0) == pytest.approx(4.6e-6)
    assert operations_joules(0, 1e6) == pytest.approx(0.9e-6)
