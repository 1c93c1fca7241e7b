"""A trained network from its run's directory, ready to use; the data set need not be there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from snn.config.groups import datamodule_of
from snn.config.identity import config_hash
from snn.config.make import make
from snn.config.schema import check
from snn.data.base import SpikeDataModule
from snn.errors import ConfigError, InputError, RunError, SnnError, first_line
from snn.events import EventBatch, EventStore
from snn.files import read_json
from snn.network import SpikingNetwork, Trace
from snn.runs.directory import RunDirectory, checked_sections
from snn.runs.result import RESULT_VERSION
from snn.runs.state import refuse_newer
from snn.runs.status import STATUS_VERSION
from snn.runs.without_data import restore, spec_of

Weights = Literal["best", "last"]
BATCH = 256  # samples at a time, so that memory does not grow with their number


class Prediction(NamedTuple):
    """What a network says of some samples."""

    classes: Tensor
    """The most probable class of each, int64 ``[sample]``: a place in ``class_names``."""
    probabilities: Tensor
    """Softmax of the logits, ``[sample, class]``."""
    spike_counts: list[Tensor]
    """Spikes of each neuron, one ``[sample, unit]`` for each hidden layer."""


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network in evaluation mode, and what is needed to use it.

    Attributes:
        network: its weights are those of ``checkpoint``.
        config: the run's resolved configuration.
        class_names: one for each class.
        data: the data module, which knows the pre-processing. Nothing is loaded: for the samples
            that the network was trained on, call ``data.setup()``.
        path: directory of the run.
        checkpoint: the file that was read.
        epoch: after which the weights were saved, counted from 1.
        result: the run's ``result.json``; None if it has not ended.
    """

    network: SpikingNetwork
    config: Mapping[str, Any]
    class_names: list[str]
    data: SpikeDataModule
    path: Path
    checkpoint: Path
    epoch: int
    result: Mapping[str, Any] | None

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def encode(self, x: Any) -> EventStore | EventBatch | Tensor:
        """Samples as the network takes them, on the CPU or where they are.

        Args:
            x: events, or a tensor ``[sample, step, unit]`` of spike counts (of a prepared signal
                where the data are analog) stay as they are. Everything else is the data set's raw
                form, see ``encode`` of its data module: images ``[sample, 28, 28]``, a pair of
                spike times in seconds and units, recordings ``[sample, time, taxel]``.

        Raises:
            InputError: a wrong shape, type or range of values.
        """
        size = self.data.nb_steps, self.data.nb_units
        if isinstance(x, EventStore | EventBatch):
            if (x.nb_steps, x.nb_units) != size or self.data.analog:
                kind = "a signal" if self.data.analog else "events"
                raise InputError(
                    f"events of {x.nb_steps} steps and {x.nb_units} units: expected {kind} of "
                    "{} steps and {} units".format(*size)
                )
            return x
        if isinstance(x, Tensor) and x.ndim == 3 and tuple(x.shape[1:]) == size:
            if not x.isfinite().all():
                raise InputError("the input has values that are infinite or not a number")
            if not self.data.analog and bool(((x < 0) | (x != x.round())).any()):
                raise InputError("the input has values that are no counts of spikes: 0, 1, 2, ...")
            return x
        try:
            return self.data.encode(x)
        except SnnError:
            raise
        except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
            steps, units = size
            raise InputError(
                f"{type(self.data).__name__}.encode() cannot take this input "
                f"({first_line(error)}); expected its raw form, events, or a tensor "
                f"[sample, {steps}, {units}]"
            ) from error

    @torch.no_grad()
    def predict(self, x: Any, batch_size: int = BATCH) -> Prediction:
        """Classes, probabilities and spike counts of samples, on the network's device.

        Args:
            x: as in :meth:`encode`.
            batch_size: samples at a time.

        Raises:
            InputError: a wrong shape, type or range of values.
        """
        x = self.encode(x)
        logits, counts = [], []
        for index in torch.arange(len(x)).split(batch_size) or (torch.arange(0),):
            output = self.network(self._batch(x, index))
            logits.append(output.logits)
            counts.append(output.spike_counts)
        whole = torch.cat(logits)
        return Prediction(
            whole.argmax(1),
            whole.softmax(1),
            [torch.cat(layer) for layer in zip(*counts, strict=True)],
        )

    @torch.no_grad()
    def trace(self, x: Any) -> Trace:
        """Every state of every layer for a few samples; see :class:`snn.network.Trace`.

        Args:
            x: as in :meth:`encode`.

        Raises:
            InputError: a wrong shape, type or range of values; or the network has no ``trace``.
        """
        if not hasattr(self.network, "trace"):
            raise InputError(f"{type(self.network).__name__} has no trace")
        x = self.encode(x)
        return self.network.trace(self._batch(x, torch.arange(len(x))))

    def _batch(self, x: EventStore | EventBatch | Tensor, index: Tensor) -> EventBatch | Tensor:
        if isinstance(x, Tensor):
            return x[index.to(x.device)].to(self.device, next(self.network.parameters()).dtype)
        if isinstance(x, EventBatch):
            return EventBatch(x.store, x.index[index.to(x.index.device)]).to(self.device)
        return EventBatch(x, index.to(x.units.device)).to(self.device)


def load(
    run: str | Path, weights: Weights | None = None, device: torch.device | str = "cpu"
) -> TrainedNetwork:
    """Open a trained network.

    Args:
        run: directory of a run, or a checkpoint in its ``checkpoints`` folder.
        weights: ``best``, those that did best on the validation part, or ``last``; None takes the
            best, and the last of a run without a validation part. For a directory alone.
        device: where the network goes.

    Raises:
        SnnError: there is no run, or its files are damaged, of a newer version, or do not belong
            together, or there is no such device; the message says which.
    """
    directory, checkpoint = _found(Path(run), weights)
    config, result = _records(directory)
    content = directory.load_checkpoint(checkpoint)
    datamodule = datamodule_of(config)
    restore(datamodule, checkpoint, content, config, result)
    with torch.random.fork_rng(devices=[]):  # initial weights are drawn, only to be replaced
        module = make(config["model"])(
            data=spec_of(datamodule), optimizer=partial(torch.optim.SGD, lr=0.0), scheduler=None
        )
    _take(module.network, content["state_dict"], checkpoint)
    module.network.requires_grad_(False).eval()
    return TrainedNetwork(
        network=_on(module.network, device),
        config=config,
        class_names=datamodule.class_names,
        data=datamodule,
        path=directory.path,
        checkpoint=checkpoint,
        epoch=content["epoch"] + 1,
        result=result,
    )


def _on(network: SpikingNetwork, device: torch.device | str) -> SpikingNetwork:
    try:
        return network.to(device)
    except (AssertionError, RuntimeError) as error:  # of a build without it; of no such device
        raise ConfigError(
            "device", str(device), f"one that is here, such as cpu ({first_line(error)})"
        ) from None


def _found(path: Path, weights: Weights | None) -> tuple[RunDirectory, Path]:
    """The run's directory and the checkpoint to read."""
    if weights not in ("best", "last", None):
        raise RunError(f"weights={weights!r}: must be best or last")
    if path.is_file():
        if weights is not None:
            raise RunError(f"weights={weights}: not together with a checkpoint ({path})")
        directory = RunDirectory(path.absolute().parent.parent)
        if not directory.config.is_file():
            raise RunError(
                f"{path}: {directory.config} is missing, which tells the network's parts"
            )
        return directory, path
    directory = RunDirectory(path)
    if not directory.config.is_file():
        what = "holds no run (no config.json)" if path.is_dir() else "no such directory or file"
        raise RunError(f"{path}: {what}")
    if weights is None:
        weights = "best" if directory.best.is_file() else "last"
    checkpoint = directory.best if weights == "best" else directory.last
    if not checkpoint.is_file():
        other = directory.last if weights == "best" else directory.best
        hint = f"; there is {other.name}" if other.is_file() else "; nothing was saved"
        raise RunError(f"{checkpoint}: no such file{hint}")
    return directory, checkpoint


def _records(directory: RunDirectory) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The configuration, and the result if the run has ended; both of the same run."""
    config = checked_sections(directory.config, read_json(directory.config))
    try:
        check(config)
        name = config_hash(config)
    except SnnError as error:
        raise RunError(f"{directory.config}: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{directory.config}: damaged ({error!r})") from None
    result = None
    for path, version in ((directory.status, STATUS_VERSION), (directory.result, RESULT_VERSION)):
        if not path.is_file():
            continue
        record = read_json(path)
        refuse_newer(path, record, version)
        if (recorded := record.get("config_hash", name)) != name:
            raise RunError(
                f"{path}: of another configuration ({recorded}) than {directory.config} ({name})"
            )
        result = record if path == directory.result else None
    return config, result


def _take(network: torch.nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Give the network its weights.

    Raises:
        RunError: they are not all there, or of other shapes.
    """
    prefix = "network."
    given = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    wanted = network.state_dict()
    for name in sorted(given.keys() | wanted.keys()):
        sizes = [tuple(side[name].shape) if name in side else None for side in (given, wanted)]
        if sizes[0] != sizes[1]:
            said = ["missing" if size is None else str(list(size)) for size in sizes]
            raise RunError(
                f"{path}: not of this run's network, {name} is {said[0]} there and {said[1]} "
                "by config.json"
            )
    network.load_state_dict(given)
