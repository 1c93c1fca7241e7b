"""Sharing the GPUs of one machine among processes that know nothing of each other.

A slot is a lock file. Whoever holds it may use the GPU; the operating system frees it when the
process ends, however that happens. ``slots_per_gpu`` processes share a GPU.
"""

from __future__ import annotations

import getpass
import logging
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from snn.errors import ConfigError, RunError

VISIBLE = "CUDA_VISIBLE_DEVICES"
JOB = "SLURM_JOB_ID"
EXECUTOR = "SUBMITIT_EXECUTOR"  # set by submitit in the jobs that it starts: slurm or local
POLL_SECONDS = 0.2  # training takes minutes

log = logging.getLogger(__name__)


def slots_folder() -> Path:
    """Where this user's slots on this machine lie: all sweeps must agree on it.

    Each allocation of Slurm's has a folder of its own, since each counts its GPUs from 0.
    """
    names = ["snn-gpu-slots", str(getattr(os, "getuid", getpass.getuser)())]
    return Path(tempfile.gettempdir()) / "-".join([*names, *filter(None, [os.environ.get(JOB)])])


def shared_gpus() -> list[str]:
    """GPUs that the processes of this machine have to share out among themselves.

    Those in ``CUDA_VISIBLE_DEVICES`` if it is set, else all. None where Slurm runs a job for each
    point: it has chosen for it. CUDA is not initialised by asking.

    Returns:
        Values for ``CUDA_VISIBLE_DEVICES``: numbers, or UUIDs where those were given.
    """
    if os.environ.get(EXECUTOR) == "slurm":
        return []
    visible = os.environ.get(VISIBLE)
    if visible is not None:
        named = [name.strip() for name in visible.split(",")]
        # Like CUDA, which ignores everything from the first name on that is none.
        end = next((i for i, name in enumerate(named) if not _names_a_gpu(name)), len(named))
        return named[:end]
    import torch  # here, because whoever shares nothing must not wait for it

    return [str(number) for number in range(torch.cuda.device_count())]


def use_gpu(gpu: str) -> None:
    """Let this process see one GPU alone, as ``cuda:0``.

    Raises:
        RuntimeError: CUDA has been initialised, and would go on seeing the others.
    """
    import torch

    if torch.cuda.is_initialized():
        raise RuntimeError(
            f"GPU {gpu} cannot be chosen any more: this process has initialised CUDA; take a slot "
            "before anything is moved to a GPU, in a new process for each run"
        )
    os.environ[VISIBLE] = gpu


@contextmanager
def own_gpu(config: Mapping[str, Any]) -> Iterator[None]:
    """Share the GPUs of this machine with other points of sweeps; wait for one if need be.

    Nothing happens where there are none to share, or where the configuration names its device.

    Args:
        config: resolved configuration of the point that this process is about to train.

    Raises:
        RunError, RuntimeError: as :func:`gpu_slot` and :func:`use_gpu`.
    """
    trainer = config["trainer"]
    wanted = trainer["accelerator"] in ("auto", "cuda", "gpu") and trainer["devices"] == 1
    gpus = shared_gpus() if wanted else []
    if not gpus:
        yield
        return
    with gpu_slot(gpus, config["sweep"]["slots_per_gpu"], slots_folder()) as gpu:
        use_gpu(gpu)
        yield


@contextmanager
def gpu_slot(gpus: Sequence[str], slots_per_gpu: int, folder: Path) -> Iterator[str]:
    """Hold a slot of a GPU for as long as the context lasts; wait until there is one.

    Idle GPUs are taken before one is shared.

    Args:
        gpus: as :func:`shared_gpus` gives them; at least one.
        slots_per_gpu: how many processes may use a GPU at once.
        folder: of the lock files, on this machine's own disk; made if it is missing.

    Yields:
        The GPU; :func:`use_gpu` makes this process use it.

    Raises:
        ConfigError: no GPUs, or no slots.
        RunError: the folder cannot be written to.
    """
    if not gpus:
        raise ConfigError("gpus", list(gpus), "at least one GPU")
    if slots_per_gpu < 1:
        raise ConfigError("slots_per_gpu", slots_per_gpu, "at least 1")
    gpu, lock = _wait_for_slot(gpus, slots_per_gpu, folder)
    try:
        yield gpu
    finally:
        lock.release()


def _wait_for_slot(gpus: Sequence[str], slots_per_gpu: int, folder: Path) -> tuple[str, FileLock]:
    try:
        _make_private(folder)
        waiting = False
        while True:
            for slot in range(slots_per_gpu):  # the first slots of all GPUs come first
                for gpu in gpus:
                    lock = FileLock(folder / f"gpu-{gpu.replace('/', '-')}-slot-{slot}.lock")
                    try:
                        lock.acquire(timeout=0)
                    except Timeout:
                        continue
                    log.info("GPU %s, slot %d of %d", gpu, slot + 1, slots_per_gpu)
                    return gpu, lock
            if not waiting:
                log.info("all slots of GPU %s are taken: waiting for one", ", ".join(gpus))
                waiting = True
            time.sleep(POLL_SECONDS)
    except OSError as error:
        raise RunError(f"{folder}: no slot of a GPU can be taken there ({error})") from None


def _make_private(folder: Path) -> None:
    """Make the folder, for this user alone, or check that it is this user's.

    Its name can be guessed and others may write to the folder around it: a link or a folder that
    somebody else has put there is not used.

    Raises:
        RunError: it is a link, somebody else's, or others may write to it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if not hasattr(os, "getuid"):  # Windows has a temporary folder for each user
        return
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        problem = "is a link"
    elif not stat.S_ISDIR(found.st_mode):
        problem = "is no folder"
    elif found.st_uid != os.getuid():
        problem = f"belongs to user {found.st_uid}"
    elif found.st_mode & 0o022:
        problem = "can be written to by others"
    else:
        return
    raise RunError(
        f"{folder}: cannot hold the locks of GPU slots, since it {problem}; remove it, or name "
        "another temporary folder with TMPDIR"
    )


def _names_a_gpu(name: str) -> bool:
    return re.fullmatch(r"\d+|(GPU|MIG)-.+", name) is not None
