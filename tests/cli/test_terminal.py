"""What a person sees in a terminal of 80 columns."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("terminals of POSIX", allow_module_level=True)

from snn.training.callbacks.bar import line
from tests.cli.terminal import COLUMNS, Session
from tests.commands import SMALL, await_file
from tests.hold import HOLD
from tests.sweeps.grids import TINY


def test_a_run(tmp_path: Path) -> None:
    session = Session(*SMALL, f"hydra.run.dir={tmp_path}", "logger=csv", "test=false")
    lines = session.end()
    assert session.process.returncode == 0, lines
    assert lines[0].endswith(f"INFO run {tmp_path}")
    assert "INFO randman: 216 train, 24 val; 30 steps, 40 units" in lines[1]
    assert all(len(text) <= COLUMNS for text in lines)
    assert "epoch 1/3 " in session.raw
    assert "epoch 0/" not in session.raw
    assert session.screen.most_bars == 1
    assert not [text for text in lines if text.startswith(("epoch ", "measuring"))]
    shown, hidden = (session.raw.rfind(f"\x1b[?25{code}") for code in "hl")
    assert shown > hidden  # the cursor is back


@pytest.mark.long
def test_a_run_that_is_interrupted(tmp_path: Path) -> None:
    held = tmp_path / "held"
    task = [*SMALL, HOLD, "logger=csv", "model.nb_hidden=[12, 8]"]
    session = Session(*task, f"hydra.run.dir={tmp_path / 'run'}", SNN_TEST_HOLD=str(held))
    await_file(held, session.process)
    session.interrupt()
    lines = session.end()
    assert session.process.returncode == 130
    assert session.screen.most_bars == 1
    assert not [text for text in lines if text.startswith("epoch ")]
    end = lines.index("error: interrupted by SIGINT")
    hint = "".join(text.ljust(COLUMNS) for text in lines[end + 1 :]).strip()
    _, _, *arguments = shlex.split(hint.removeprefix("Go on with it: "))
    assert arguments == [*task, f"hydra.run.dir={tmp_path / 'run'}", "ckpt_path=last"]


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_the_bar_is_one_line(width: int) -> None:
    tail = "120/235  0:12:30 left  loss 0.123  train 98.1%  val 97.3%"
    for share in (0.0, 0.5, 1.0):
        text = line("epoch 12/100", share, tail, width)
        assert len(text.plain) < width
        assert text.plain.startswith("epoch 12/100")
        if width >= 80:
            assert text.plain.endswith(tail)
    assert line("epoch 1/2", 0.5, "3/6", 40, ascii_only=True).plain.isascii()


@pytest.mark.long
def test_a_sweep_says_one_line_for_each_point(tmp_path: Path) -> None:
    grid = ("optimizer=adam,sgd", "model.nb_hidden=8,12", "trainer.max_epochs=1")
    small = [o for o in TINY if not o.startswith("optimizer.")]
    session = Session("-m", *small, *grid, f"hydra.sweep.dir={tmp_path}", "test=false")
    lines = session.end()
    assert session.process.returncode == 0, lines
    ended = [text for text in lines if " of 4 " in text]
    assert [text.split(" INFO ")[1].split("  ")[0] for text in ended] == [
        f"{number} of 4" for number in (1, 2, 3, 4)
    ]
    assert all("s left" in text for text in ended[:3])
    assert [text.split("  ")[-1] for text in ended] == [
        f"hidden{units} {optimizer}" for units in (8, 12) for optimizer in ("adam", "sgd")
    ]
    assert all(len(text) <= COLUMNS and "%" in text for text in ended)
    place = next(i for i, text in enumerate(lines) if "4 new" in text)
    assert lines[place + 1 : place + 5] == ended
