"""What a run ran on: versions, revision, device, memory."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("snn", "torch", "pytorch-lightning", "hydra-core", "omegaconf", "torchmetrics", "numpy")


def package_versions() -> dict[str, str | None]:
    """Versions of Python and of the packages that a result depends on."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return versions


def git_revision() -> str | None:
    """Commit of the source tree, ``+`` behind it if files differ; None outside a checkout."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        # Installed inside of somebody else's repository, the package is not part of it.
        if (
            Path(git("rev-parse", "--show-toplevel"), "snn").resolve()
            != Path(__file__).resolve().parents[1]
        ):
            return None
        revision = git("rev-parse", "HEAD")
        return revision + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def peak_memory_mib(device: torch.device) -> dict[str, float | None]:
    """Peak memory of this process so far, and on its GPU if it has one, in MiB."""
    host = None
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike ru_maxrss it does not begin with the memory of the process that started this one.
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        host = int(line.split()[1]) / 1024.0
    elif sys.platform != "win32":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        host = peak / (1024.0**2 if sys.platform == "darwin" else 1024.0)
    gpu = torch.cuda.max_memory_allocated(device) / 1024.0**2 if device.type == "cuda" else None
    return {"host": host, "gpu": gpu}


def device_name(device: torch.device) -> str:
    """A name that a reader recognises, e.g. ``cpu`` or ``cuda: NVIDIA H200``."""
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    return device.type


def environment(device: torch.device) -> dict[str, Any]:
    """All of the above as flat entries of a result."""
    return {
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "git_revision": git_revision(),
        **{f"versions.{name}": v for name, v in package_versions().items()},
        **{f"peak_memory_mib.{k}": v for k, v in peak_memory_mib(device).items()},
    }
