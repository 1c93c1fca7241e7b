"""Paths and commands as one would type them here."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path


def near(path: Path) -> Path:
    """A path seen from here, if it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def shown(path: Path) -> str:
    """A path as one would type it from here."""
    return shlex.quote(str(near(path)))


def program(name: str) -> str:
    """A program of this environment as one would type it, whether it is activated or not."""
    found = shutil.which(name)
    ours = Path(sys.executable).parent
    if found is not None and Path(found).parent == ours:
        return name
    return shown(ours / name)


def override(key: str, value: str) -> str:
    """``key=value``, the value quoted for Hydra where it has to be."""
    if re.fullmatch(r"[\w./~+-]+", value):
        return f"{key}={value}"
    escaped = value.replace("'", "\\'").replace("${", "\\${")
    return f"{key}='{escaped}'"


def quoted(word: str) -> str:
    """A word of a command line, quoted for a shell so that it can still be read."""
    if "'" in word and not set(word) & set('"$`\\!'):
        return f'"{word}"'
    return shlex.quote(word)


def script(arguments: Sequence[str]) -> str:
    """The program that runs here with other arguments."""
    this = Path(sys.argv[0]).absolute()
    installed = this.name.startswith("snn-")  # not a script of a clone
    start = program(this.stem) if installed else f"{program('python')} {shown(this)}"
    return f"{start} {' '.join(map(quoted, arguments))}".rstrip()
