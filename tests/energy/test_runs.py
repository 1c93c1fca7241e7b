"""Energy in the record of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from snn.config.identity import config_hash
from snn.config.rehearsal import rehearse
from snn.errors import ConfigError
from snn.runs import RunDirectory
from snn.runs.run import train
from tests.commands import SMALL, config_of, run
from tests.energy.clock import WATTS

CLOCK = ("energy=none", "+energy.mine._target_=tests.energy.clock.Clock")


def test_a_run_with_a_counter(tmp_path: Path) -> None:
    found = run(tmp_path, *SMALL, *CLOCK)
    assert found["energy.source"] == "measured"
    assert found["energy.counters"] == "mine: a steady load"
    seconds = found["energy.training.seconds"]
    assert seconds == pytest.approx(found["fit_seconds"], rel=0.6)
    assert found["energy.training.joules"] == pytest.approx(WATTS * seconds, rel=0.3)
    each = found["energy.inference.joules_per_sample"]
    window = found["energy.inference.seconds"]
    assert each * found["energy.inference.samples"] == pytest.approx(WATTS * window, rel=0.3)
    assert found["energy.inference.split"] == "val"


def test_a_run_that_goes_on_adds_up_its_windows(tmp_path: Path) -> None:
    run(tmp_path, *SMALL, *CLOCK)
    longer = [*SMALL, *CLOCK, "trainer.max_epochs=5", "ckpt_path=last"]
    found = train(config_of(*longer), RunDirectory(tmp_path), longer, "none")
    seconds = found["energy.training.seconds"]
    assert seconds == pytest.approx(found["fit_seconds"], rel=0.6)
    assert found["energy.training.joules"] == pytest.approx(WATTS * seconds, rel=0.3)
    # Where nothing can be read from then on, the window stays what it was.
    blind = [*SMALL, "energy=none", "trainer.max_epochs=7", "ckpt_path=last"]
    found = train(config_of(*blind), RunDirectory(tmp_path), blind, "none")
    assert found["energy.source"] == "measured"
    assert found["energy.training.seconds"] == pytest.approx(seconds, rel=0.6)
    assert found["energy.training.seconds"] < found["fit_seconds"]


def test_a_run_without_any(finished: Path) -> None:
    found = RunDirectory(finished).result.read_text()
    assert '"energy.source": "none"' in found or '"energy.source": "measured"' in found


def test_counters_are_no_part_of_a_run() -> None:
    plain = config_of(*SMALL)
    assert config_hash(plain) == config_hash(config_of(*SMALL, "energy=none"))
    older = {key: value for key, value in plain.items() if key != "energy"}
    assert config_hash(plain) == config_hash(older)


def test_what_is_no_counter_is_refused() -> None:
    config = config_of(*SMALL, "+energy.mine._target_=torch.nn.ReLU")
    with pytest.raises(ConfigError, match=r"energy.mine._target_.*must be a snn.energy.Counter"):
        rehearse(config, here=True)
