"""Objects in any group work as Lightning documents them, or are refused before data are loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from snn.config.rehearsal import rehearse
from snn.errors import ConfigError, RunError, SnnError
from snn.training.module import SpikingClassifier
from tests.commands import SMALL, config_of, run, same_weights

LIGHTNING = "pytorch_lightning"
PLATEAU = (
    "scheduler._target_=torch.optim.lr_scheduler.ReduceLROnPlateau",
    "scheduler.factor=0.5",
)


def target(group: str, name: str, *more: str) -> tuple[str, ...]:
    return (f"+{group}.mine._target_={LIGHTNING}.{name}", *(f"+{group}.mine.{m}" for m in more))


def test_loggers_with_and_without_a_folder(tmp_path: Path) -> None:
    own = tmp_path / "own"
    loggers = (
        *target("logger", "loggers.CSVLogger", f"save_dir={own}", "name=a"),
        f"+logger.partial._target_={LIGHTNING}.loggers.CSVLogger",
        "+logger.partial._partial_=true",
        "+logger.partial.name=b",
    )
    run(tmp_path / "run", *SMALL, *loggers)
    assert list((own / "a").rglob("metrics.csv"))
    assert list((tmp_path / "run" / "b").rglob("metrics.csv"))


def test_callbacks_profilers_and_schedulers_as_lightning_documents_them(tmp_path: Path) -> None:
    objects = (
        *target("callbacks", "callbacks.LearningRateMonitor", "logging_interval=epoch"),
        f"+callbacks.second._target_={LIGHTNING}.callbacks.ModelCheckpoint",
        "+callbacks.second.monitor=val/loss",
        f"+callbacks.second.dirpath={tmp_path / 'kept'}",
        f"+callbacks.third._target_={LIGHTNING}.callbacks.EarlyStopping",
        "+callbacks.third.monitor=val/loss",
        f"+trainer.profiler._target_={LIGHTNING}.profilers.SimpleProfiler",
        f"+trainer.profiler.dirpath={tmp_path}",
        "+trainer.profiler.filename=profile",
        *PLATEAU,
    )
    result = run(tmp_path / "run", *SMALL, *objects)
    assert result["epochs"] == 3
    assert list((tmp_path / "kept").glob("*.ckpt"))
    assert list(tmp_path.glob("*profile*"))
    header = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0]
    assert "lr-Adam" in header


def test_a_plateau_of_a_run_without_validation(tmp_path: Path) -> None:
    assert run(tmp_path, *SMALL, "data.val_fraction=0", *PLATEAU)["epochs"] == 3


REFUSED = {
    "a callback that is not made": (
        target("callbacks", "callbacks.Timer", "_partial_=true"),
        r"callbacks\.mine\._target_.*a callback, not _partial_",
    ),
    "no callback": (
        ("+callbacks.mine._target_=collections.OrderedDict",),
        r"callbacks\.mine\._target_",
    ),
    "no logger": (("+logger.mine._target_=collections.OrderedDict",), "a Lightning logger"),
    "a search for a rate": (
        target("callbacks", "callbacks.LearningRateFinder"),
        r"optimizer\.lr=A,B",
    ),
    "a search for a size": (
        target("callbacks", "callbacks.BatchSizeFinder"),
        r"data\.batch_size=A,B",
    ),
    "an optimizer without its parameters": (("optimizer._partial_=false",), "optimizer"),
    "a logger given to the trainer": (("+trainer.logger=false",), r"logger=none"),
    "no progress": (("+trainer.enable_progress_bar=false",), "progress=bar, lines or none"),
    "no checkpoints": (("+trainer.enable_checkpointing=false",), r"callbacks\.last=null"),
    "another folder": (("+trainer.default_root_dir=/tmp/x",), r"hydra\.run\.dir"),
    "a quick run": (("+trainer.fast_dev_run=true",), r"trainer\.max_epochs=1"),
    "several nodes": (("+trainer.num_nodes=2",), "1, or left out"),
    "several processes": (("+trainer.strategy=ddp",), "auto, or left out"),
    "validation in the midst": (("+trainer.val_check_interval=0.5",), "follows each epoch"),
    "steps": (("+trainer.max_steps=3",), r"trainer\.max_epochs"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line_before_data_are_loaded(name: str) -> None:
    overrides, says = REFUSED[name]
    with pytest.raises(SnnError, match=says) as refusal:
        rehearse(config_of(*SMALL, *overrides), here=True)
    assert "\n" not in str(refusal.value)


def test_keys_of_the_trainer_that_are_heeded(tmp_path: Path, capsys) -> None:
    calm, keys = tmp_path / "calm", tmp_path / "keys"
    run(calm, *SMALL)
    heeded = ("+trainer.enable_model_summary=true", "+trainer.num_sanity_val_steps=2")
    run(keys, *SMALL, *heeded)
    assert "network" in capsys.readouterr().out  # a row of the summary
    assert same_weights(calm, keys)


@pytest.mark.parametrize(
    "key", ["limit_train_batches=1", "accumulate_grad_batches=2", "check_val_every_n_epoch=2"]
)
def test_keys_that_change_the_training_end_in_a_record(key: str, tmp_path: Path) -> None:
    assert run(tmp_path, *SMALL, f"+trainer.{key}")["metrics.final.test.accuracy"] > 0


def test_a_checkpoint_alone_is_refused_with_what_to_do(finished: Path) -> None:
    checkpoint = finished / "checkpoints" / "last.ckpt"
    with pytest.raises(RunError, match=r"last\.ckpt: a checkpoint holds weights alone"):
        SpikingClassifier.load_from_checkpoint(checkpoint)


def test_a_checkpoint_with_all_arguments_is_loaded(finished: Path, tmp_path: Path) -> None:
    from snn.config.assembly import build

    module = build(config_of(*SMALL), tmp_path, progress="none", resume=False).module
    arguments = {
        "network": module.network,
        "loss": module.loss,
        "regularizer": module.regularizer,
        "nb_classes": module.nb_classes,
        "optimizer": module.make_optimizer,
    }
    checkpoint = finished / "checkpoints" / "last.ckpt"
    loaded = SpikingClassifier.load_from_checkpoint(checkpoint, weights_only=True, **arguments)
    saved = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(saved[k], v) for k, v in loaded.state_dict().items())


def test_a_target_of_a_wrong_kind_names_its_key() -> None:
    with pytest.raises(ConfigError, match=r"data\._target_"):
        rehearse(config_of(*SMALL) | {"data": {"_target_": "builtins.dict"}}, here=True)
