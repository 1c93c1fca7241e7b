"""A wheel of this source tree, installed where nothing else of it can be seen."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import version
from pathlib import Path

from tests.commands import ROOT

SOURCES = ("snn", "conf", "hydra_plugins", "setup.py", "pyproject.toml", "MANIFEST.in")
TEXTS = ("README.md", "LICENSE")


def build(folder: Path, *, kernels: bool) -> Path:
    """The wheel, made from a copy, since a build leaves files behind.

    Args:
        folder: empty.
        kernels: with the C++ kernels, which take a minute to compile.
    """
    source = folder / "source"
    source.mkdir()
    without = shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info")
    for name in (*SOURCES, *TEXTS):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=without)
        else:
            shutil.copy(ROOT / name, source)
    compilers = {} if kernels else {"CC": "false", "CXX": "false"}
    # setuptools as it is installed, where it can be: nothing is then asked of the network.
    here = importlib.util.find_spec("setuptools") and version("setuptools") >= "77"
    alone = ["--no-build-isolation"] if here else []
    run("pip", "wheel", "-q", ".", "--no-deps", *alone, "-w", folder, cwd=source, **compilers)
    (wheel,) = folder.glob("*.whl")
    return wheel


def run(
    *arguments: str | Path, cwd: Path, python: Path | str = sys.executable, **environment: str
) -> str:
    """What ``python -m ...`` prints; it must succeed."""
    return call(python, "-m", *arguments, cwd=cwd, **environment)


def call(*words: str | Path, cwd: Path, **environment: str) -> str:
    """What a command prints; it must succeed."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Installed:
    """An environment that has the wheel, and the packages it depends on from this one."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.bin = folder / scripts
        self.python = self.bin / "python"
        site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
        # Added as a folder: the hook of an editable install there is not run.
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        pip = ("pip", "--python", self.python, "install", "-q", "--no-deps", "--ignore-installed")
        run(*pip, wheel, cwd=folder)

    def __call__(self, program: str, *arguments: str | Path, cwd: Path) -> str:
        """What one of the wheel's commands prints."""
        return call(self.bin / program, *arguments, cwd=cwd, OMP_NUM_THREADS="1")
