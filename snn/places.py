"""Where the package lies: in a clone of its repository, or installed by itself.

In a clone, configurations lie in ``conf/`` and commands are scripts (``python train.py``). A wheel
has the same files inside of the package, and commands by names of their own (``snn-train``).
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Literal

from snn.errors import SnnError

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
SCRIPTS = {"train": "train.py", "summary": "sweep_summary.py"}


def config_dir() -> Path:
    """The folder of the configuration files that come with the package.

    Raises:
        SnnError: it is not there.
    """
    folders = (PACKAGE / "conf", ROOT / "conf")
    for folder in folders:
        if (folder / "train.yaml").is_file():
            return folder
    raise SnnError(f"no configuration files in {' or '.join(map(str, folders))}: install again")


def program(name: Literal["train", "summary"]) -> str:
    """A command as one types it from the working directory."""
    script, command = ROOT / SCRIPTS[name], f"snn-{name}"
    if not script.is_file():
        return command
    if Path.cwd() == ROOT:
        return f"python {script.name}"
    if Path(sys.executable).with_name(command).exists() or shutil.which(command):
        return command
    return shlex.join(["python", str(script)])


def import_from_here() -> None:
    """Let modules in the working directory be imported, here and in processes that are started."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if here not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([*paths, here])
