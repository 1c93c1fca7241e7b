"""What the environment of a command says must not change what it leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from tests.commands import ROOT, SMALL, command, run

RANKS = {
    "Slurm": {
        "SLURM_PROCID": "1",
        "SLURM_LOCALID": "1",
        "SLURM_NTASKS": "2",
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NAME": "x",
        "SLURM_NODELIST": "a",
    },
    "torchrun": {
        "RANK": "1",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "2",
        "GROUP_RANK": "1",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "29500",
        "TORCHELASTIC_RUN_ID": "1",
    },
    "MPI": {
        "OMPI_COMM_WORLD_RANK": "1",
        "OMPI_COMM_WORLD_SIZE": "2",
        "PMI_RANK": "1",
        "JSM_NAMESPACE_RANK": "1",
    },
}
RECORDS = ("metrics.csv", "result.json", "checkpoints/last.ckpt", "checkpoints/best.ckpt")


def assert_all_records(directory: Path) -> None:
    for name in RECORDS:
        assert (directory / name).exists(), name
    assert list(directory.glob("events*"))


@pytest.mark.parametrize("name", RANKS)
def test_a_rank_silences_no_record(name: str, tmp_path: Path, monkeypatch) -> None:
    for variable, value in RANKS[name].items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(rank_zero_only, "rank", 1)  # as it would be had Lightning seen them
    run(tmp_path, *SMALL)
    assert_all_records(tmp_path)


def test_a_command_of_another_rank_and_without_a_display(tmp_path: Path) -> None:
    backend = "module://no_such_backend_of_a_notebook"
    ended = command(
        *SMALL, f"hydra.run.dir={tmp_path}", fresh=True, SLURM_PROCID="1", MPLBACKEND=backend
    )
    assert ended.returncode == 0, ended.stderr
    assert_all_records(tmp_path)
    summary = subprocess.run(
        [sys.executable, "-c", "import snn.cli.summary, matplotlib.pyplot"],
        cwd=ROOT,
        env={"MPLBACKEND": backend, "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert summary.returncode == 0, summary.stderr


def test_the_package_and_the_help_need_no_torch() -> None:
    code = (
        "import sys, snn\n"
        "assert 'torch' not in sys.modules, 'import snn'\n"
        "from pathlib import Path\n"
        "from snn.cli.train import main\n"
        "assert main(Path('conf').resolve(), ['--help']) == 0\n"
        "heavy = {'torch', 'pytorch_lightning', 'hydra'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    assert "GROUPS (group=choice)" in ended.stdout
    assert "data: fashion_mnist, randman, shd, tbl" in ended.stdout


@pytest.mark.long
def test_paths_mean_the_same_in_a_run_that_changes_its_folder(tmp_path: Path) -> None:
    from tests.data.files import write_shd

    write_shd(tmp_path / "recordings")
    data = (
        *("data=shd", "data.root=recordings", "data.cache=encoded", "data.download=false"),
        *("data.nb_steps=20", "model.nb_hidden=8", "trainer.accelerator=cpu", "threads=1"),
        "hydra.job.chdir=true",
    )
    first = command(*data, "trainer.max_epochs=1", "hydra.run.dir=one", cwd=tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    more = ("trainer.max_epochs=2", "ckpt_path=one/checkpoints/last.ckpt", "hydra.run.dir=two")
    second = command(*data, *more, cwd=tmp_path)
    assert second.returncode == 0, second.stdout + second.stderr
    assert (tmp_path / "encoded").is_dir()
    assert not (tmp_path / "one" / "encoded").exists()
    assert (tmp_path / "two" / "result.json").exists()
