"""Configurations are refused in one readable line that names key, value and what is allowed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from snn.cli.command import preflight
from snn.config.choices import Choices
from snn.errors import SnnError
from tests.commands import command, config_of

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"


def refusal(*overrides: str) -> str:
    with pytest.raises(SnnError) as error:
        preflight(list(overrides), CONF, "train")
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("model.nb_hidden=0", "model.nb_hidden=0: must be greater than 0"),
        ("model.nb_hidden=[100,0]", "model.nb_hidden=[100, 0]: must be"),
        ("model.nb_hidden=[]", "model.nb_hidden=[]: must be"),
        ("model.nb_hidden=many", "model.nb_hidden='many': must be"),
        ("model.nb_hidden=true", "model.nb_hidden=True: must be"),
        ("model.tau_mem=0", "model.tau_mem=0: must be greater than 0"),
        ("model.tau_syn=-1.5", "model.tau_syn=-1.5: must be greater than 0"),
        ("model.alpha=1.0", "model.alpha=1.0: must be less than 1"),
        ("model.beta=0", "model.beta=0: must be greater than 0"),
        ("model.reset=soft", "model.reset='soft': must be 'zero' or 'subtract'"),
        ("model.surrogate=relu", "model.surrogate='relu': must be 'fast_sigmoid'"),
        ("model.scale=inf", "model.scale=inf: must be"),
        ("model.regularizer=-1e-3", "model.regularizer=-0.001: must be"),
        ("data.val_fraction=1.5", "data.val_fraction=1.5: must be less than 1"),
        ("data.nb_steps=0", "data.nb_steps=0: must be greater than 0"),
        ("data.batch_size=2.5", "data.batch_size=2.5: must be"),
        ("optimizer.lr=abc", "optimizer.lr='abc': must be"),
        ("optimizer.lr=0", "optimizer.lr=0: must be greater than 0"),
        ("trainer.max_epochs=0", "trainer.max_epochs=0: must be greater than 0"),
        ("seed=-1", "seed=-1: must be greater than or equal to 0"),
        ("seed=abc", "seed='abc': must be"),
        ("progress=loud", "progress='loud': must be 'auto'"),
        ("data=mnist", "data='mnist': must be one of fashion_mnist, randman"),
        ("experiment=nope", "experiment='nope': must be one of fashion_mnist"),
        ("model.nb_hiden=3", "did you mean 'model.nb_hidden'"),
        ("modle.nb_hidden=3", "did you mean 'model.nb_hidden'"),
        ("+trainer.min_epochs=0", "trainer.min_epochs=0: must be greater than 0"),
        ("+trainer.accumulate_grad_batches=0", "accumulate_grad_batches=0: must be greater than 0"),
        ("+trainer.check_val_every_n_epoch=-1", "must be greater than 0"),
        ("+typo=3", "typo=3: must be one of the keys known here"),
        ("+model.typo=3", "model.typo=3: must be one of the keys known here"),
        ("+trainer.max_epoch=3", "did you mean 'trainer.max_epochs'"),
        ("+optimizer.rate=3", "optimizer.rate=3: must be one of the keys"),
        ("model._target_=snn.nothing", "model._target_='snn.nothing': must be"),
        ("data.root=${nowhere}", "data.root=None: must be given and resolvable"),
        ("model.nb_hidden=1,2", "model.nb_hidden"),
        ("model.nb_hidden", "key=value"),
        ("model=null", "model=None: must be one of cuba_lif"),
        ("experiment=null", "experiment=None: must be one of fashion_mnist"),
        ("callbacks.raster=3", "callbacks.raster=3: must be"),
        ("callbacks.raster.samples=0", "callbacks.raster.samples=0: must be greater than 0"),
        ("callbacks.best.monitor=val/nope", "callbacks.best.monitor='val/nope'"),
        ("trainer.devices=2", "trainer.devices=2: must be 1"),
        ("+trainer.precision=64-true", "trainer.precision='64-true'"),
        ("scheduler.factor=abc", "scheduler.factor='abc'"),
        ("optimizer.betas=[0.9]", "optimizer.betas=[0.9]: must be a list of at least 2"),
        ("data._target_=builtins.dict", "data._target_='builtins.dict': must be a SpikeDataModule"),
        ("ckpt_path=nowhere.ckpt", "ckpt_path=nowhere.ckpt: no such file"),
        ("hydra.run.dir=README.md", "cannot be used as a run directory"),
        ("augment=blur", "augment='blur': must be one of event_dropout"),
        ("augment=[event_dropout,blur]", "augment='blur': must be one of event_dropout"),
        ("augment=[1]", "augment=1: must be one of event_dropout"),
        ("augment=null", "augment=None: must be one of event_dropout"),
        ("data/encoder=rate", "must be left out or given with data=fashion_mnist"),
        ("callbacks=[ema,nope]", "callbacks='nope': must be one of default, early_stopping"),
        ("callbacks=[ema,swa]", "must be ema or swa, not both, as each makes callbacks.average"),
        ("callbacks.best.monitr=val/loss", "did you mean 'callbacks.best.monitor'"),
        ("+callbacks=ema", "must be given as callbacks=, without +"),
        ("callbacks.average.decay=0.9", "must be given with callbacks=ema or callbacks=swa"),
        ("augment.event_dropout.p=0.2", "must be given with augment=event_dropout"),
        ("data=[shd,tbl]", "data=['shd', 'tbl']: must be one of fashion_mnist"),
        ("test=maybe", "test='maybe': must be"),
        ("model.tau_mem_spread=-1", "model.tau_mem_spread=-1: must be greater than or equal to 0"),
        ("model.tau_distribution=cauchy", "model.tau_distribution='cauchy': must be 'log_uniform'"),
        ("model.label_smoothing=1", "model.label_smoothing=1: must be less than 1"),
        ("scheduler=null", "scheduler=None: must be one of constant"),
        ("model.weight_scale=much", "model.weight_scale='much': must be number or a list"),
        ("model.weight_scale=[0.2,1]", "must be a number, or a list of 1: one for each hidden"),
        ("model.tau_distribution=gamma", "must be left out, or given with model.tau_mem_spread or"),
    ],
)
def test_refused(override: str, says: str) -> None:
    assert says in refusal(override)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["model=lif", "model.initial.beta=[20,10]"], "model.initial.beta=[20, 10]: must be a num"),
        (["model.recurrent=false", "model.delays.recurrent=[0,5]"], "model.delays.recurrent=[0, "),
        (["model=se_adlif", "model.bias=true", "model.normalize=batch"], "model.bias=True: must"),
        (["model.tau_mem=20", "model.beta=0.9"], "model.tau_mem=20: must be left out with model.b"),
        (["data=tbl", "model.tau_mem=1e-9"], "must be of the order of the time step, 2.0 ms"),
        (["data=randman", "model.class_weights=[1,2]"], "must be 10 numbers, one for each class"),
    ],
)
def test_a_network_that_cannot_be_made_is_refused_before_data_are_loaded(
    overrides: list[str], says: str
) -> None:
    assert says in refusal(*overrides)


def test_several_callbacks_are_a_list(capsys: pytest.CaptureFixture) -> None:
    preflight(["callbacks=[ema,early_stopping]", "logger=csv", "logger=csv"], CONF, "train")
    assert capsys.readouterr().err == ""
    preflight(["callbacks=ema", "callbacks=early_stopping"], CONF, "train")  # the last, as ever
    assert capsys.readouterr().err == (
        "note: callbacks=early_stopping replaces callbacks=ema; for both give "
        "callbacks=[ema,early_stopping]\n"
    )
    config = config_of("callbacks=[ema,early_stopping]")
    assert {"best", "average", "early_stopping"} <= set(config["callbacks"])


def test_what_only_the_data_know_is_left_to_them() -> None:
    preflight(["data=shd", "model.class_weights=[1,2,3]"], CONF, "train")


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("lr=1e-3", "optimizer.lr"),
        ("+lr=1e-3", "optimizer.lr"),
        ("epochs=5", "trainer.max_epochs"),
        ("hidden=50", "model.nb_hidden"),
        ("batch_size=32", "data.batch_size"),
        ("+model.lr=1e-3", "optimizer.lr"),
        ("nb_hiden=50", "model.nb_hidden"),
        ("patience_=3", None),
        ("dataset=tbl", "data"),
        ("surrogate=atan", "model.surrogate"),
        ("output=DIR", "hydra.run.dir"),
    ],
)
def test_a_key_of_another_program_is_answered_with_ours(override: str, meant: str | None) -> None:
    message = refusal(override)
    assert (f"did you mean {meant!r}?" in message) == (meant is not None)
    assert len(message) < 200


RMSPROP = "optimizer._target_=torch.optim.RMSprop"
EXPONENTIAL = "scheduler._target_=torch.optim.lr_scheduler.ExponentialLR"


def test_another_target_is_told_which_keys_to_leave_out() -> None:
    message = refusal(RMSPROP)
    assert "add ~optimizer.betas ~optimizer.fused, or optimizer=rmsprop instead" in message
    preflight([RMSPROP, "~optimizer.betas", "~optimizer.fused"], CONF, "train")
    assert "add ~scheduler.factor +scheduler.gamma=..." in refusal(EXPONENTIAL)
    preflight([EXPONENTIAL, "~scheduler.factor", "+scheduler.gamma=0.9"], CONF, "train")


def test_a_key_that_was_given_with_another_target_is_just_wrong() -> None:
    message = refusal(RMSPROP, "~optimizer.fused", "optimizer.betas=[0.5,0.5]")
    assert message.startswith("optimizer.betas=[0.5, 0.5]: must be one of the keys known here")


ADAPTIVE = ("tau_mem", "tau_syn", "tau_mem_spread", "tau_syn_spread", "detach_reset")


def test_a_preset_of_another_model_is_told_which_keys_to_leave_out() -> None:
    chosen = ["experiment=fashion_mnist_best", "model=se_adlif"]
    left_out = [f"~model.{name}" for name in ADAPTIVE]
    message = refusal(*chosen)
    assert message.startswith("model=se_adlif: does not know tau_mem, tau_syn")
    assert "which experiment=fashion_mnist_best sets for another model" in message
    assert f"leave them out: {' '.join(left_out)};" in message
    own = message.partition("unless you say ")[2].split()
    assert "model.weight_scale=20.0" in own
    assert not any("nb_hidden" in word and "400" in word for word in own)
    preflight([*chosen, *left_out, *own], CONF, "train")


def test_a_preset_of_spikes_is_told_all_that_means_nothing_without_them() -> None:
    chosen = ["experiment=tbl_best", "model=rnn"]
    message = refusal(*chosen)
    assert "an exact gradient; likewise ~model.regularizer" in message
    left_out = ["~model.scale", *message.partition("likewise ")[2].split()]
    preflight([*chosen, *left_out], CONF, "train")


def test_a_key_that_means_nothing_is_not_offered_again() -> None:
    message = refusal("model=se_adlif", "+model.tau_mem=3")
    assert message.startswith("model.tau_mem=3: must be one of the keys known here")
    assert "did you mean 'model.tau_mem'" not in message


def test_many_typing_errors_are_answered_without_torch() -> None:
    wrong = ["lr=1e-3", "optimizer.lr=abc", "trainer.max_epochs=0", "data=mnist", "seed=-1"]
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from snn.cli.train import main\n"
        f"for override in {wrong}:\n"
        "    assert main(Path('conf').resolve(), [override]) == 2\n"
        "heavy = {'torch', 'pytorch_lightning'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stderr.splitlines()) == len(wrong)


def test_unknown_encoder() -> None:
    assert "data/encoder='morse': must be one of" in refusal(
        "data=fashion_mnist", "data/encoder=morse"
    )
    assert "data.encoder='morse': must be one of linear_latency" in refusal(
        "data=fashion_mnist", "data.encoder=morse"
    )


def test_an_augmentation_with_a_wrong_value_is_refused() -> None:
    message = refusal("augment=event_dropout", "augment.event_dropout.p=1.5")
    assert message == "augment.event_dropout.p=1.5: must be less than 1"


def test_values_that_do_not_fit_together() -> None:
    assert "data.nb_steps=100: must be a multiple of 76" in refusal("data=tbl", "data.nb_steps=100")


def test_the_command_ends_with_code_2_and_without_a_traceback() -> None:
    done = command("model.nb_hidden=0")
    assert done.returncode == 2
    assert done.stderr == "error: model.nb_hidden=0: must be greater than 0\n"
    full = command("model.nb_hidden=0", HYDRA_FULL_ERROR="1")
    assert full.returncode != 0
    assert "Traceback" in full.stderr


@pytest.mark.seconds(6)
def test_help_is_a_page() -> None:
    done = command("--help", fresh=True)
    assert done.returncode == 0
    for expected in (
        "experiment=fashion_mnist",
        "model.nb_hidden",
        f"experiment: {', '.join(Choices([CONF]).of('experiment'))}",
        "$SNN_DATA",
    ):
        assert expected in done.stdout
    assert len(done.stdout.splitlines()) < 60


def test_what_cannot_be_imported_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = refusal("data._target_=no_such_module.Lab")
    assert "there is no module no_such_module: put its folder on PYTHONPATH" in said
    (tmp_path / "broken_lab.py").write_text("import a_package_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "a_package_that_is_missing" in refusal("data._target_=broken_lab.Lab")
    assert "snn.data.Nothing" in refusal("data._target_=snn.data.Nothing").partition("import (")[2]
    assert not caplog.records


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_here_is_said_before_data_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("snn.kernels.gpu.availability.interpreted", lambda: False)
    said = refusal("trainer=gpu")
    assert said.startswith("trainer.accelerator='gpu': must be cpu or auto, e.g. trainer=cpu")
    said = refusal("model.backend=gpu")
    assert said.startswith(
        "model.backend='gpu': must be auto or einsum: the GPU kernels need a CUDA"
    )
    preflight(["-m", "model.backend=gpu", "trainer=gpu"], CONF, "train")  # on the head of a cluster


def test_of_several_new_keys_the_wrong_one_is_named() -> None:
    said = refusal("+trainer.min_epochs=2", "callbacks.last.bogus=1")
    assert said.startswith("callbacks.last.bogus=1: must be one of the keys known here")
