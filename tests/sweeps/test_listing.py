"""What a sweep prints of its points."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from snn.runs import RunDirectory
from snn.runs.state import Found, State
from snn.sweeps.listing import print_end
from snn.sweeps.points import Point


def test_failures_are_shown_with_what_they_have_and_others_have_not(tmp_path: Path) -> None:
    points = [
        Point((f"optimizer.lr={lr}", f"model.nb_hidden={n}", "seed=1"), {}, RunDirectory(tmp_path))
        for lr in ("1e-2", "0.1")
        for n in (10, 20)
    ]
    ended = {point: Found(State.COMPLETED) for point in points[:2]}
    failed = {point: Found(State.FAILED, "RuntimeError: boom") for point in points[2:]}
    console = Console(record=True, width=300)
    print_end(console, ended | failed, failed, tmp_path)
    said = console.export_text()
    assert "optimizer.lr=0.1 model.nb_hidden=10" in said
    assert "optimizer.lr=0.1 model.nb_hidden=20" in said
    assert "seed=1" not in said
