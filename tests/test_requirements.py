"""What is missing is skipped, or fails where it is required: never silently passed over."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT
from tests.order import arranged
from tests.requirements import CHECKS, required

# A copy of the package's kernels without a library, as a build that failed leaves them.
PLUGIN = """
from snn.kernels.cpu import library
library._open = lambda name: None
"""


def run_pytest(tmp_path: Path, *tests: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """These tests in a process in which the C++ kernels were never built."""
    (tmp_path / "without_kernels.py").write_text(PLUGIN)
    found = os.pathsep.join([str(tmp_path), str(ROOT)])
    environment = {**os.environ, "SNN_REQUIRE": "", "PYTHONPATH": found, **environment}
    options = ("-q", "-p", "without_kernels", "-p", "no:cacheprovider", "-p", "no:xdist")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=ROOT,
        env={k: v for k, v in environment.items() if not k.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.long
@pytest.mark.seconds(12)
def test_a_build_that_failed_is_skipped_or_fails(tmp_path: Path) -> None:
    tests = ("tests/kernels/test_bypass.py", "tests/test_golden.py")
    skipped = run_pytest(tmp_path, *tests, SNN_GOLDEN="")
    assert skipped.returncode == 0, skipped.stdout
    assert " passed" not in skipped.stdout
    assert "CPU kernels are not built" in skipped.stdout

    failed = run_pytest(tmp_path, *tests, SNN_GOLDEN="", SNN_REQUIRE="cpu,data")
    assert failed.returncode == 1, failed.stdout
    assert " skipped" not in failed.stdout
    assert " passed" not in failed.stdout
    assert "SNN_REQUIRE lists 'cpu': the CPU kernels are not built" in failed.stdout
    assert "SNN_REQUIRE lists 'data': SNN_GOLDEN names no folder" in failed.stdout


def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNN_REQUIRE", "cpu,gpus")
    with pytest.raises(pytest.UsageError, match="SNN_REQUIRE: gpus: must be of cpu, triton"):
        required()
    monkeypatch.setenv("SNN_REQUIRE", "cpu, slurm")
    assert required() == {"cpu", "slurm"}


@pytest.mark.parametrize("name", CHECKS)
def test_each_is_found_or_said_to_be_missing(name: str) -> None:
    reason = CHECKS[name]()
    assert reason is None or reason.strip()


def test_without_programs_slurm_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.cluster.slurm._find", lambda program: None)
    assert "munged" in str(CHECKS["slurm"]())


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_worker_begins_with_its_share_of_the_long_tests(workers: int) -> None:
    items = [("a", 0.0)] * 5 + [("long", 9.0), ("other", 4.0), ("other", 5.0)] + [("b", 0.0)] * 4
    order = arranged(items, lambda i: i[1], lambda i: i[0], workers)
    assert sorted(order) == sorted(items)
    size = len(items) // workers
    assert order[0] == ("long", 9.0)
    if workers > 1:
        assert order[size : size + 2] == [("other", 5.0), ("other", 4.0)]
