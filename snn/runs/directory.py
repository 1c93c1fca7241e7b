"""A run's directory: where its files lie, whether it may be used, what can be gone on with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf

from snn.config.identity import NOT_TASK, differences
from snn.errors import BusyError, RunError, first_line
from snn.files import read_json

if TYPE_CHECKING:
    import torch

# Training a run for longer is the same run.
MAY_GROW = "trainer.max_epochs"
SECTIONS = sorted({key.split(".")[0] for key in NOT_TASK if "." in key})


def checked_sections(path: Path, config: Any) -> Mapping[str, Any]:
    """The configuration in a record, if it has the shape of one.

    Raises:
        RunError: it is damaged.
    """
    if not isinstance(config, Mapping):
        raise RunError(f"{path}: damaged (its configuration is {config!r:.50})")
    for section in SECTIONS:
        if not isinstance(config.get(section) or {}, Mapping):
            raise RunError(f"{path}: damaged ({section} is {config[section]!r:.50})")
    return config


class RunDirectory:
    """Paths below one run's directory, and the rules for using it again.

    Args:
        path: the directory; made when the run starts.

    Attributes:
        begun: whether this process has begun to train there.
    """

    def __init__(self, path: str | Path) -> None:
        self.path, self.begun = Path(path), False
        self.status = self.path / "status.json"
        self.result = self.path / "result.json"
        self.config = self.path / "config.json"
        self.checkpoints = self.path / "checkpoints"
        self.last = self.checkpoints / "last.ckpt"
        self.best = self.checkpoints / "best.ckpt"

    def check_usable(self) -> None:
        """Whether the directory could be made and written to, without doing so.

        Raises:
            RunError: it could not.
        """
        existing = next(
            p for p in (self.path.absolute(), *self.path.absolute().parents) if p.exists()
        )
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise RunError(
                f"{self.path}: cannot be used as a run directory, since {existing} is not a "
                "folder that can be written to; choose another hydra.run.dir"
            )

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Make the directory and keep other processes out of it.

        Raises:
            BusyError: another process trains here.
            RunError: the directory cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=0)
            lock.acquire()
        except Timeout:
            raise BusyError(
                f"{self.path}: another process is training here; wait for it, or choose another "
                "hydra.run.dir"
            ) from None
        except OSError as error:
            raise RunError(f"{self.path}: cannot be used as a run directory ({error})") from None
        try:
            yield
        finally:
            lock.release()

    def overrides(self) -> list[str]:
        """Task overrides of the command that the run was started with; none if nobody knows.

        Raises:
            RunError: the record is damaged.
        """
        status = read_json(self.status) if self.status.exists() else {}
        listed = status.get("overrides") if isinstance(status, Mapping) else None
        hydras = self.path / ".hydra" / "overrides.yaml"
        if listed is None and hydras.exists():  # of a run that is older than that entry
            listed = OmegaConf.to_container(OmegaConf.load(hydras))
        if not isinstance(listed or [], list):
            raise RunError(f"{self.path}: damaged (its overrides are {listed!r:.50})")
        return [str(override) for override in listed or []]

    def checkpoint_for(self, ckpt_path: str | None, config: Mapping[str, Any]) -> Path | None:
        """The checkpoint to go on from, or None to start afresh.

        Args:
            ckpt_path: ``last`` for this directory's own, a file, or None.
            config: resolved configuration of the run that is about to start.

        Raises:
            RunError: the directory holds another run's work, or there is nothing to go on from.
        """
        if ckpt_path is None:
            self._refuse_to_overwrite()
            return None
        if ckpt_path == "last":
            if not self.status.exists():
                raise RunError(
                    f"ckpt_path=last: {self.path} holds no run to go on with; "
                    "name its directory with hydra.run.dir=..."
                )
            self._refuse_other_config(config)
            if not self.last.exists():
                return None
            chosen = self.last
        else:
            chosen = Path(ckpt_path)
            if not chosen.is_file():
                raise RunError(f"ckpt_path={ckpt_path}: no such file; expected last, or a file")
            origin = RunDirectory(chosen.resolve().parents[1])
            if origin.path != self.path.resolve():
                self._refuse_to_overwrite()
            if origin.config.exists():
                origin._refuse_other_config(config)
        self.load_weights(chosen)
        return chosen

    def _refuse_to_overwrite(self) -> None:
        kept = next((f for f in (self.result, self.last) if f.exists()), None)
        if kept is not None:
            raise RunError(
                f"{self.path} already holds a run ({kept.name}): go on with it by ckpt_path=last, "
                "or choose another hydra.run.dir"
            )

    def _refuse_other_config(self, config: Mapping[str, Any]) -> None:
        if not self.config.exists():
            return  # stopped before it had written anything down
        recorded = checked_sections(self.config, read_json(self.config))
        changed = differences(recorded, config)
        old, new = changed.get(MAY_GROW, (0, 0))
        if new >= old:
            changed.pop(MAY_GROW, None)
        if changed:
            listed = ", ".join(f"{key}: {a!r} -> {b!r}" for key, (a, b) in changed.items())
            raise RunError(
                f"{self.path} was started with another configuration ({listed}); "
                "give the same values, or choose another hydra.run.dir"
            )

    @staticmethod
    def load_weights(path: Path) -> tuple[dict[str, torch.Tensor], int]:
        """Weights of a checkpoint and the epoch after which they were saved, counted from 0.

        Raises:
            RunError: the file is damaged or no checkpoint of a run.
        """
        checkpoint = RunDirectory.load_checkpoint(path)
        return checkpoint["state_dict"], checkpoint["epoch"]

    @staticmethod
    def load_checkpoint(path: Path) -> dict[str, Any]:
        """Content of a checkpoint, tensors on the CPU: ``state_dict``, ``epoch`` and more.

        Raises:
            RunError: the file is damaged or no checkpoint of a run.
        """
        import torch  # here, because whoever only reads records must not wait for it

        try:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
            if not isinstance(checkpoint["epoch"], int):
                raise TypeError(f"epoch {checkpoint['epoch']!r}")
            checkpoint["state_dict"].keys()
            return checkpoint
        except Exception as error:
            reason = first_line(error)
            raise RunError(f"{path}: damaged, or not a checkpoint of a run ({reason})") from None
