"""One run from its configuration to its record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from snn.config.assembly import Parts, build
from snn.errors import PrunedError, RunError
from snn.runs import RunDirectory, config_hash, make_result, recorded, write_json
from snn.runs.environment import environment
from snn.runs.state import State, look
from snn.runs.status import now
from snn.runs.sweep_plan import planned_points, sweep_of
from snn.runs.swept import swept_values, values_of
from snn.training.callbacks import Judged
from snn.training.energy import inference_energy
from snn.training.evaluation import Metrics, measure
from snn.training.trackers import closed

log = logging.getLogger(__name__)

# Is told an epoch, counted from 1, and its metrics; says whether to stop.
Judge = Callable[[int, Mapping[str, float]], bool]


def train(
    config: dict[str, Any], run: RunDirectory, overrides: Sequence[str], progress: str
) -> dict[str, Any]:
    """Train, evaluate and record one run, in a new directory or from ``ckpt_path``.

    Args:
        config: resolved and checked.
        run: where the run writes.
        overrides: of the command line, for the record.
        progress: ``bar``, ``lines`` or ``none``.

    Returns:
        What stands in the run's ``result.json``.

    Raises:
        SnnError: the directory cannot be used, or the run fails in a way that a user can mend.
    """
    with run.owned():
        checkpoint = run.checkpoint_for(config["ckpt_path"], config)
        return _recorded(config, run, overrides, progress, checkpoint)


def train_or_go_on(
    config: dict[str, Any],
    run: RunDirectory,
    overrides: Sequence[str],
    progress: str,
    judge: Judge | None = None,
) -> dict[str, Any]:
    """Bring a point of a sweep to its end, from wherever its directory shows it to be.

    A completed run is not trained again: its stored result is returned. An interrupted or failed
    one goes on from its last checkpoint, and so does one that a search stopped. One that is
    completed but for its test part is measured.

    Args, returns: as :func:`train`.
        judge: may stop it after an epoch.

    Raises:
        BusyError: another process trains it.
        PrunedError: the judge stopped it.
        RunError: the directory holds something else, or a damaged record.
    """
    with run.owned():
        found = look(run, config)
        if found.state is State.COMPLETED:
            log.info("already completed: %s", run.path)
            return dict(found.result)
        if found.state is State.REFUSED:
            raise RunError(found.reason)
        if found.state is State.UNTESTED:
            # The weights that were asked about before: training anew would be another answer.
            run.load_weights(run.last)
            return _recorded(config, run, overrides, progress, run.last)
        return _recorded(config, run, overrides, progress, _usable_checkpoint(run), judge)


def _usable_checkpoint(run: RunDirectory) -> Path | None:
    if not run.last.exists():
        return None
    try:
        run.load_weights(run.last)
    except RunError as error:
        log.warning("starts anew: %s", error)
        run.best.unlink(missing_ok=True)  # it would outlive the epochs that it was the best of
        return None
    return run.last


def _recorded(
    config: dict[str, Any],
    run: RunDirectory,
    overrides: Sequence[str],
    progress: str,
    checkpoint: Path | None,
    judge: Judge | None = None,
) -> dict[str, Any]:
    facts = {"config_hash": config_hash(config), "overrides": list(overrides)}
    with recorded(run.status, facts):
        write_json(run.config, config)
        result = _train(config, run, overrides, progress, checkpoint, judge)
        write_json(run.result, result)
        return result


def _train(
    config: dict[str, Any],
    run: RunDirectory,
    overrides: Sequence[str],
    progress: str,
    checkpoint: Path | None,
    judge: Judge | None,
) -> dict[str, Any]:
    start = now()
    if judge is not None and checkpoint is not None:
        epochs = run.load_weights(checkpoint)[1] + 1
        if judge(epochs, {}):  # it was decided before the run was killed
            raise PrunedError(f"stopped after epoch {epochs} of {config['trainer']['max_epochs']}")
    if config["threads"]:
        torch.set_num_threads(config["threads"])
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    judged = Judged(judge) if judge is not None else None
    parts = build(
        config,
        run.path,
        progress=progress,
        resume=checkpoint is not None,
        overridden=values_of(overrides),
        swept=swept_values(planned_points(run.path.parent) or {}, run.path.name),
        sweep=sweep_of(run.path),
        watchers=[judged] if judged else [],
    )
    log.info("%s", _data_line(parts.datamodule.summary))
    if checkpoint is not None:
        log.info("going on from %s", checkpoint)
    run.begun = True
    with closed(parts.trainer.loggers):
        parts.trainer.fit(
            parts.module, datamodule=parts.datamodule, ckpt_path=checkpoint, weights_only=True
        )
        if judged is not None and judged.stopped is not None:
            raise PrunedError(
                f"stopped after epoch {judged.stopped} of {config['trainer']['max_epochs']}"
            )
        final, best, best_epoch = _measured(parts, run)
        if parts.hyper_parameters is not None:
            parts.hyper_parameters.finish(parts.trainer, final)
    facts = {
        **parts.stopwatch.facts(),
        **_energy(parts),
        "nb_parameters": sum(p.numel() for p in parts.module.parameters()),
        **{f"data.{key}": value for key, value in parts.datamodule.summary.items()},
        "backend": getattr(parts.module.network, "last_backend", None),  # another model has none
        **environment(parts.module.device),
        "start": start,
        "end": now(),
    }
    return make_result(
        config=config,
        overrides=overrides,
        final=final,
        best=best,
        best_epoch=best_epoch,
        facts=facts,
    )


def _energy(parts: Parts) -> dict[str, Any]:
    """What training took, and what an inference takes."""
    module = parts.module
    training = parts.energy.facts()
    return training | inference_energy(module.network, module.device, parts.datamodule, parts.meter)


def _data_line(summary: Mapping[str, Any]) -> str:
    """What is trained on, in a line; all numbers are in the result."""
    splits = ((summary.get(f"{split}_samples"), split) for split in ("train", "val", "test"))
    sizes = ((summary.get(f"nb_{name}"), name) for name in ("steps", "units"))
    samples, shape = (", ".join(f"{n} {x}" for n, x in part if n) for part in (splits, sizes))
    return f"{summary.get('data')}: {samples}; {shape}"


def _measured(parts: Parts, run: RunDirectory) -> tuple[Metrics, Metrics | None, int | None]:
    """Metrics of the final weights, and of those that did best on the validation part.

    Returns:
        Final metrics; best metrics and their epoch counted from 1, or None and None if no
        validation part chose any.
    """
    trained = parts.trainer, parts.module, parts.datamodule
    final_epoch = parts.trainer.current_epoch
    final = measure(*trained)
    if parts.datamodule.val is None or not run.best.exists():
        return final, None, None
    weights, epoch = run.load_weights(run.best)
    if epoch + 1 == final_epoch:
        return final, final, final_epoch
    parts.module.load_state_dict(weights)
    return final, measure(*trained), epoch + 1
