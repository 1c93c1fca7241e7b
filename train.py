"""Train one network: compose the configuration, build the objects, run, record.

python train.py --help
"""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from snn.build import build
from snn.cli import Refused, resolved, run_cli
from snn.errors import SnnError
from snn.evaluation import evaluate
from snn.report import print_result
from snn.runs import RunDirectory, config_hash, make_result, recorded, write_json
from snn.runs.environment import environment
from snn.runs.status import now
from snn.schema import check

CONFIG_DIR = Path(__file__).resolve().parent / "conf"
log = logging.getLogger(__name__)


def train(
    config: dict[str, Any], run: RunDirectory, overrides: list[str], progress: str
) -> dict[str, Any]:
    """Train, evaluate and record one run; returns what stands in its ``result.json``."""
    with run.owned():
        checkpoint = run.checkpoint_for(config["ckpt_path"], config)
        with recorded(run.status, {"config_hash": config_hash(config)}):
            return _train(config, run, overrides, progress, checkpoint)


def _train(
    config: dict[str, Any],
    run: RunDirectory,
    overrides: list[str],
    progress: str,
    checkpoint: Path | None,
) -> dict[str, Any]:
    start = now()
    write_json(run.config, config)
    if config["threads"]:
        torch.set_num_threads(config["threads"])
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    parts = build(
        config,
        run.path,
        progress=progress,
        resume=checkpoint is not None,
        overridden={override.partition("=")[0].lstrip("+") for override in overrides},
    )
    log.info("data: %s", ", ".join(f"{k} {v}" for k, v in parts.datamodule.summary.items()))
    if checkpoint is not None:
        log.info("going on from %s", checkpoint)
    parts.trainer.fit(
        parts.module, datamodule=parts.datamodule, ckpt_path=checkpoint, weights_only=True
    )
    final, best, best_epoch = evaluate(parts, run)
    if parts.hyper_parameters is not None:
        parts.hyper_parameters.finish(parts.trainer, final, best)
    facts = {
        **parts.stopwatch.facts(),
        "nb_parameters": sum(p.numel() for p in parts.module.parameters()),
        **{f"data.{key}": value for key, value in parts.datamodule.summary.items()},
        "backend": parts.module.network.last_backend,
        **environment(parts.module.device),
        "start": start,
        "end": now(),
    }
    result = make_result(
        config=config,
        overrides=overrides,
        final=final,
        best=best,
        best_epoch=best_epoch,
        facts=facts,
    )
    write_json(run.result, result)
    return result


def quiet_libraries() -> None:
    """Let Lightning speak through the run's log, and only when something is wrong."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    # True of every data set here: a batch is gathered at once, worker processes only add to it.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", module="pytorch_lightning")
    # RunDirectory has decided whether the folder may be used.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* is not empty.*")


def progress_style(asked: str, multirun: bool) -> str:
    """A bar only where one can be drawn and nothing else is printed beside it."""
    if asked != "auto":
        return asked
    return "bar" if sys.stderr.isatty() and not multirun else "lines"


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """One run, as Hydra's task; returns the accuracy that a sweep may rank by."""
    hydra_config = HydraConfig.get()
    multirun = hydra_config.mode == RunMode.MULTIRUN
    quiet_libraries()
    run = RunDirectory(hydra_config.runtime.output_dir)
    try:
        config = resolved(cfg)
        check(config)
        result = train(
            config,
            run,
            list(hydra_config.overrides.task),
            progress_style(cfg.progress, multirun),
        )
    except SnnError as error:
        if not multirun:
            raise Refused(error) from error
        log.error("%s", error)
        raise CompactHydraException(f"error: {error}") from error
    except Exception:
        log.exception("the run failed")
        raise
    if not multirun:
        print_result(result, run.path)
    return result.get("metrics.final.val.accuracy")


if __name__ == "__main__":
    quiet_libraries()
    sys.exit(run_cli(main, sys.argv[1:], CONFIG_DIR))
