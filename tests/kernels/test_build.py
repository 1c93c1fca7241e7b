"""Building and loading the kernels."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from snn.kernels.cpu import library
from tests.requirements import absent, needs

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "snn" / "kernels" / "cpu" / "cpp"


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
    assert "must be one of baseline, avx2, avx512, amx" in library.load("mmx")


def test_libraries_of_another_kind_are_refused(monkeypatch):
    class Stale:
        @staticmethod
        def snn_instruction_set():
            return 0

    monkeypatch.setattr(library, "_open", lambda name: Stale)
    monkeypatch.setattr(library, "_loads", {})
    assert "other sources" in library.load("baseline")


@needs("cpu")
def test_every_instruction_set_of_this_machine_is_built():
    """The compiler may know fewer; that costs speed, and is said."""
    runnable = library.INSTRUCTION_SETS[: library._open("baseline").snn_instruction_set() + 1]
    for name in runnable:
        if isinstance(reason := library.load(name), str):
            absent("cpu", reason)


@needs("cpu")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda text: text.replace("recurrent:p8@24 rows:p8@32", "rows:p8@24 recurrent:p8@32"),
            "recurrent:p8@24",
        ),
        (lambda text: text.replace("threshold:d8", "threshold:i8"), "threshold:d8@64"),
        (lambda text: text.replace("meaning 2", "meaning 3"), "3"),
    ],
)
def test_libraries_with_other_structs_are_refused(monkeypatch, change, named):
    stale = change(library.layout()).encode()
    assert stale != library.layout().encode()

    def with_other_structs(name):
        dll = original(name)
        dll.snn_describe = lambda: stale
        return dll

    original = library._open
    monkeypatch.setattr(library, "_open", with_other_structs)
    monkeypatch.setattr(library, "_loads", {})
    message = library.load("baseline")
    assert "other sources" in message
    assert named in message


COMPILER = shutil.which(os.environ.get("CXX", "c++"))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"void* rows;": "void* was;", "void* recurrent;": "void* rows;", "was;": "recurrent;"},
        {"int64_t lag;": "double lag;"},
        {"double spike_rate;": "double spike_rate; double more;"},
        {"kMeaning = 2": "kMeaning = 3"},
    ],
)
def test_a_change_of_the_sources_changes_what_a_library_says(tmp_path, changes):
    if not COMPILER:
        absent("cpu", "no C++ compiler")
    changed = (SOURCES / "abi.hpp").read_text()
    for old, new in changes.items():
        assert old in changed
        changed = changed.replace(old, new, 1)
    (tmp_path / "abi.hpp").write_text(changed)
    (tmp_path / "layout.hpp").write_text((SOURCES / "layout.hpp").read_text())
    main = '#include <cstdio>\n#include "layout.hpp"\n'
    main += "int main() { std::fputs(snn::layout().c_str(), stdout); }\n"
    (tmp_path / "main.cpp").write_text(main)
    subprocess.run([COMPILER, "-std=c++17", "main.cpp", "-o", "main"], cwd=tmp_path, check=True)
    said = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert (said == library.layout()) == (not changes)
