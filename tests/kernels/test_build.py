"""Building and loading the kernels."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from snn.kernels import library

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="needs the source tree")
def test_without_a_compiler_the_build_succeeds_and_says_what_it_costs(tmp_path):
    build = [sys.executable, "setup.py", "build_ext", "--force"]
    places = ["--build-lib", str(tmp_path / "lib"), "--build-temp", str(tmp_path / "temp")]
    missing = {"CC": "/nonexistent/cc", "CXX": "/nonexistent/c++"}
    done = subprocess.run(
        [*build, *places], cwd=ROOT, env=os.environ | missing, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "plain PyTorch operations" in done.stderr
    assert not list(tmp_path.rglob("*.so"))


def test_an_unknown_instruction_set_is_refused():
    assert "must be one of baseline, avx2, avx512" in library.load("mmx")


def test_libraries_from_other_sources_are_refused(monkeypatch):
    class Stale:
        @staticmethod
        def snn_instruction_set():
            return 0

    monkeypatch.setattr(library, "_open", lambda name: Stale)
    library.load.cache_clear()
    try:
        assert "cannot be loaded" in library.load("baseline")
    finally:
        library.load.cache_clear()
