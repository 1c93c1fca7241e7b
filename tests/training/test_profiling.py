"""Lightning's own time is kept small, and its profilers work where one is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytorch_lightning.profilers import Profiler, SimpleProfiler

from snn.config.assembly import build
from snn.training.profiling import NoProfiler
from tests.commands import SMALL, config_of


@pytest.mark.parametrize(
    ("asked", "kind"), [([], NoProfiler), (["+trainer.profiler=simple"], SimpleProfiler)]
)
def test_a_profiler_only_where_asked_for(
    tmp_path: Path, asked: list[str], kind: type[Profiler]
) -> None:
    parts = build(config_of(*SMALL, *asked), tmp_path, progress="none", resume=False)
    assert type(parts.trainer.profiler) is kind


def test_lightning_finds_the_name_of_the_hook_that_it_runs(tmp_path: Path) -> None:
    module = build(config_of(*SMALL), tmp_path, progress="none", resume=False).module
    module._current_fx_name = "training_step"
    assert module._current_fx_name == "training_step"
    assert "_current_fx_name" not in module.state_dict()
