"""Lightning's trainer: which of its keys can be set, and what they would break."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.accelerators import AcceleratorRegistry
from pytorch_lightning.callbacks import RichModelSummary

from snn.config.make import make
from snn.errors import ConfigError
from snn.training.callbacks import WholeFiles
from snn.training.process import OneProcess
from snn.training.profiling import NoProfiler

# Set by this program: key -> what a user sets instead.
OURS = {
    "logger": "left out: choose with logger=none, or add objects to the group logger",
    "callbacks": "left out: add objects to the group callbacks",
    "plugins": "left out: a run is one process with checkpoints of its own",
    "default_root_dir": "left out: the run's directory is hydra.run.dir",
    "enable_progress_bar": "left out: choose with progress=bar, lines or none",
    "enable_checkpointing": "left out: switch off with callbacks.best=null callbacks.last=null",
    "fast_dev_run": "left out: for a quick try set trainer.max_epochs=1 and a smaller data set",
    "barebones": "left out: it would leave no record of the run",
    "max_steps": "left out: a run is counted in trainer.max_epochs",
    "min_steps": "left out: a run is counted in trainer.max_epochs",
    "val_check_interval": "left out: validation follows each epoch",
    "overfit_batches": "left out: train on fewer samples instead",
    "reload_dataloaders_every_n_epochs": "left out: augment= changes samples in every epoch",
}
# Has one value that works here: key -> that value.
SINGLE = {"num_nodes": 1, "strategy": "auto"}


def check_trainer(node: Mapping[str, Any]) -> None:
    """Refuse keys that would silently not be heeded, or break the record of a run.

    Raises:
        ConfigError: there is one; the message says what to do instead.
    """
    for key, instead in OURS.items():
        if node.get(key) is not None:
            raise ConfigError(f"trainer.{key}", node[key], instead)
    for key, only in SINGLE.items():
        if node.get(key) not in (None, only):
            raise ConfigError(f"trainer.{key}", node[key], f"{only}, or left out")


def make_trainer(
    node: Mapping[str, Any], callbacks: Sequence[Any] = (), **given: Any
) -> pl.Trainer:
    """The trainer of a run, which is a single process wherever it runs.

    Left to itself, Lightning finds out that it is in a Slurm job, wants a task for each device,
    and requeues the job. Whoever submitted the job does that here.

    Args:
        node: ``trainer`` of the configuration.
        callbacks: of the run.
        given: what the run sets; keys of the node that it leaves alone stand.

    Raises:
        SnnError: a key that must be left out, a device that is not here, or the trainer refuses
            its parameters.
    """
    check_trainer(node)
    unless_set = {
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 1,
    }
    chosen = {key: value for key, value in unless_set.items() if node.get(key) is None}
    if node.get("enable_model_summary") and not any(
        isinstance(callback, RichModelSummary) for callback in callbacks
    ):
        callbacks = [*callbacks, RichModelSummary()]  # Lightning's own goes to a log that is quiet
    profiler = node.get("profiler") or NoProfiler()
    _require_device(node.get("accelerator"))
    return make(
        node,
        plugins=[WholeFiles(), OneProcess()],
        callbacks=list(callbacks),
        profiler=profiler,
        **chosen,
        **given,
    )


def _require_device(accelerator: Any) -> None:
    """Say that a device is not here, which Lightning does without naming the key."""
    kinds = ("cuda", "mps") if accelerator == "gpu" else (accelerator,)
    known = [AcceleratorRegistry[k]["accelerator"] for k in kinds if k in AcceleratorRegistry]
    if known and not any(kind.is_available() for kind in known):
        allowed = "cpu or auto, e.g. trainer=cpu: PyTorch finds no such device here"
        raise ConfigError("trainer.accelerator", accelerator, allowed)
