"""Within a Slurm job, Lightning neither requeues it nor asks for more tasks."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
import pytorch_lightning as pl
from pytorch_lightning.plugins.environments import SLURMEnvironment

from snn.config.assembly import build
from snn.config.rehearsal import rehearse
from tests.commands import SMALL, config_of

JOB = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "snn", "SLURM_NTASKS": "4", "SLURM_PROCID": "0"}


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE", raising=False)


class Handlers(pl.Callback):
    """Remembers who handles Lightning's signal for requeueing during training."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.seen = signal.getsignal(signal.SIGUSR1)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.usefixtures("job")
def test_lightning_does_not_requeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert SLURMEnvironment.detect()
    parts = build(config_of(*SMALL), tmp_path, progress="none", resume=False)
    handlers = Handlers()
    parts.trainer.callbacks.append(handlers)
    parts.trainer.fit(parts.module, datamodule=parts.datamodule)
    assert handlers.seen == signal.SIG_DFL


@pytest.mark.usefixtures("job")
def test_a_sweep_may_start_within_any_allocation() -> None:
    with pytest.raises(RuntimeError, match="ntasks=4"):
        SLURMEnvironment()
    rehearse(config_of(*SMALL), here=True)
