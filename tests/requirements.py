"""What some tests need of a machine. Where it is missing they are skipped, or fail.

``SNN_REQUIRE=cpu,triton,slurm,data`` lists what must be there: its absence then fails the tests
that need it, so that a machine which should have it can not pass without having tried.

========= ========================================================================================
cpu       the compiled C++ kernels, and a compiler where one is tested
triton    Triton, whose interpreter runs the GPU kernels without a GPU
slurm     Slurm's programs, munge, and submitit
data      real data sets below ``SNN_DATA`` and golden vectors below ``SNN_GOLDEN``
launchers the plugins of ``pip install -e '.[cluster]'``
docs      mkdocs and what the site needs, ``pip install -e '.[docs]'``
browser   a Chromium, in which the report of a sweep is tried
interop   the programs that networks are exported to
energy    codecarbon, ``pip install -e '.[energy]'``
optuna    Optuna, ``pip install -e '.[search]'``
trackers  Weights & Biases and MLflow, ``pip install -e '.[wandb,mlflow]'``
========= ========================================================================================
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import pytest

INTEROP = ("nir", "nirtorch", "norse", "spikingjelly", "neurobench", "onnx", "onnxruntime")


def _cpu() -> str | None:
    from snn.kernels.cpu import library

    found = library.load()
    return found if isinstance(found, str) else None


def _triton() -> str | None:
    return None if importlib.util.find_spec("triton") else "Triton is not installed"


def _slurm() -> str | None:
    from tests.cluster.slurm import PACKAGES, missing_programs

    if missing := missing_programs():
        return f"no {', '.join(missing)}: apt-get install {PACKAGES}"
    return _package("submitit")


def _launchers() -> str | None:
    return _package("joblib") or _package("submitit")


def _docs() -> str | None:
    modules = ("mkdocs", "material", "mkdocstrings_handlers", "latex2mathml")
    return next((why for name in modules if (why := _package(name, "docs"))), None)


def chromium_path() -> str | None:
    """The path of a Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def _browser() -> str | None:
    return None if chromium_path() else "no browser: apt-get install chromium"


def _interop() -> str | None:
    missing = [name for name in INTEROP if not importlib.util.find_spec(name)]
    return (
        f"no {', '.join(missing)}: pip install --no-deps -r tests/export/simulators.txt"
        if missing
        else None
    )


def _trackers() -> str | None:
    return _package("wandb", "wandb") or _package("mlflow", "mlflow")


def _package(name: str, extra: str = "cluster") -> str | None:
    return None if importlib.util.find_spec(name) else f"no {name}: pip install -e '.[{extra}]'"


def _optuna() -> str | None:
    return _package("optuna", "search")


def _energy() -> str | None:
    return _package("codecarbon", "energy")


def _data() -> str | None:
    return folder_missing("SNN_DATA") or folder_missing("SNN_GOLDEN")


def folder_missing(variable: str) -> str | None:
    """What is wrong with a variable that is to name a folder."""
    folder = os.environ.get(variable)
    return None if folder and Path(folder).is_dir() else f"{variable} names no folder"


# Each says what is missing, or nothing.
CHECKS: Mapping[str, Callable[[], str | None]] = {
    "cpu": _cpu,
    "triton": _triton,
    "slurm": _slurm,
    "data": _data,
    "launchers": _launchers,
    "docs": _docs,
    "browser": _browser,
    "energy": _energy,
    "interop": _interop,
    "optuna": _optuna,
    "trackers": _trackers,
}


def required() -> set[str]:
    """What ``SNN_REQUIRE`` lists.

    Raises:
        pytest.UsageError: it lists something unknown.
    """
    words = os.environ.get("SNN_REQUIRE", "").replace(",", " ").split()
    if unknown := set(words) - CHECKS.keys():
        raise pytest.UsageError(
            f"SNN_REQUIRE: {', '.join(sorted(unknown))}: must be of {', '.join(CHECKS)}"
        )
    return set(words)


def needs(*names: str) -> pytest.MarkDecorator:
    """Marks tests that need something of the machine."""
    assert set(names) <= CHECKS.keys()
    return pytest.mark.needs(*names)


def demand(*names: str) -> None:
    """Skip this test where something is missing, fail it where that is required."""
    for name in names:
        if reason := CHECKS[name]():
            absent(name, reason)


def absent(name: str, reason: str) -> NoReturn:
    """Skip this test, or fail it where what is missing is required."""
    if name in required():
        pytest.fail(f"SNN_REQUIRE lists {name!r}: {reason}", pytrace=False)
    pytest.skip(reason)
