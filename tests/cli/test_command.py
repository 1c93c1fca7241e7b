"""Command lines before Hydra reads them."""

from __future__ import annotations

import pytest

from snn.cli.command import options_first, preflight
from snn.errors import SnnError
from tests.commands import ROOT


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("seed=1 -m model.scale=10,20", "-m seed=1 model.scale=10,20"),
        ("seed=1 --config-dir conf test=false", "--config-dir conf seed=1 test=false"),
        ("-m seed=1,2", "-m seed=1,2"),
        ("a=1 -m b=2 a=1", "-m a=1 b=2 a=1"),
        ("--cfg job", "--cfg job"),
        ("", ""),
    ],
)
def test_options_may_stand_between_overrides(typed: str, read: str) -> None:
    assert options_first(typed.split()) == read.split()


def test_options_that_exclude_each_other_are_refused_in_a_line() -> None:
    with pytest.raises(SnnError, match="one at a time"):
        preflight(["-m", "--cfg", "job"], ROOT / "conf", "train")
