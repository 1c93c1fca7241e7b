"""What docs/inference.md shows, works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.commands import run

PAGE = (Path(__file__).parents[2] / "docs" / "inference.md").read_text(encoding="utf-8")


def test_the_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    few = ("data.nb_train=20", "data.nb_test=10", "trainer.max_epochs=1", "logger=none")
    run(tmp_path / "outputs" / "first", *few)
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"^```python\n(.*?)^```", PAGE, re.S | re.M)
    assert len(examples) == 6
    names: dict[str, object] = {}
    for example in examples:
        exec(compile(example, "docs/inference.md", "exec"), names)
    measured, recorded = map(float, capsys.readouterr().out.splitlines()[-1].split())
    assert measured == pytest.approx(recorded, abs=1e-6)
    assert (tmp_path / "figure.png").exists()
