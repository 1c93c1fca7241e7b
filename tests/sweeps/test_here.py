"""Points that the sweep's own process starts, side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf, open_dict

from snn.config.compose import Composer
from snn.sweeps.compositions import Compositions
from snn.sweeps.here import can_start
from tests.commands import ROOT, same_weights
from tests.requirements import needs
from tests.sweeps.grids import epochs_trained, run_directories, states, sweep

BASIC = {"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}
JOBLIB = {
    "_target_": "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
    "n_jobs": 2,
    "prefer": "processes",
    "verbose": 0,
}
SLURM = {"_target_": "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"}


def config(launcher: dict, **hydra: object) -> object:
    whole = {"launcher": launcher, "callbacks": {}, "job": {"env_set": {}}} | hydra
    return OmegaConf.create({"hydra": whole})


@pytest.mark.parametrize(
    ("given", "here"),
    [
        (config(BASIC), True),
        (config(SLURM), False),
        pytest.param(config(JOBLIB), True, marks=needs("launchers")),
        # What only the launcher itself can do is left to it.
        pytest.param(config(JOBLIB | {"timeout": 5}), False, marks=needs("launchers")),
        (config(BASIC, callbacks={"mine": {"_target_": "mine.Callback"}}), False),
        (config(BASIC, job={"env_set": {"OMP_NUM_THREADS": "1"}}), False),
    ],
)
def test_which_points_are_started_here(given: object, here: bool) -> None:
    assert can_start(given) is here


@pytest.mark.long
@needs("launchers")
@pytest.mark.seconds(8)
def test_side_by_side_as_one_by_one(tmp_path: Path) -> None:
    grid = ("seed=1,2", "optimizer.lr=1e-2,1e39")  # infinite in single precision
    apart, beside = tmp_path / "apart", tmp_path / "beside"
    one = sweep(apart, *grid)
    two = sweep(beside, *grid, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert one.returncode == two.returncode == 1, two.stdout + two.stderr
    assert states(apart) == states(beside)
    assert sorted(states(beside).values()) == ["completed", "completed", "failed", "failed"]
    for name, run in run_directories(beside).items():
        assert epochs_trained(run)[:1] == [1]
        assert (run / ".hydra" / "overrides.yaml").exists()
        if states(beside)[name] == "completed":
            assert same_weights(run, apart / name)
            assert " of 4  " in (run / "train.log").read_text()
    assert two.stdout.count("of 4  ") >= 2


LINES = [
    ["model.nb_hidden=20", "seed=3", "hydra.sweep.dir='/tmp/a b'", "hydra.sweep.subdir=x"],
    ["model=lif", "model.nb_hidden=20", "+trainer.limit_train_batches=3", "hydra.sweep.subdir=y"],
    ["~callbacks.raster", "optimizer=sgd", "data.taxels=[1,2]", "data=tbl"],
    ["model.nb_hidden=30", "model.initial={beta: 5.0}", "model=lif", "hydra.sweep.subdir=z"],
    ["model=lif", "model.nb_hidden=40", "hydra.job.num=3"],
]


def test_compositions_are_hydras() -> None:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        given = ["hydra.mode=MULTIRUN", "seed=9"]
        whole = loader.load_configuration("train", given, RunMode.MULTIRUN)
        with open_dict(whole):
            whole.hydra.overrides.task = []
        compositions = Compositions(loader, whole, Composer(ROOT / "conf", "train"))
        for line in [*LINES, *reversed(LINES)]:
            ours, hydras = compositions.of(line), loader.load_sweep_config(whole, line)
            assert OmegaConf.to_container(ours) == OmegaConf.to_container(hydras), line
