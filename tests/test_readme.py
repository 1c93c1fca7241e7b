"""What the README shows, works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.types import RunMode

from snn.cli.command import preflight
from snn.config.compose import Composer
from snn.data import __main__ as downloads
from snn.errors import ConfigError
from snn.sweeps.points import expand, make_points
from snn.sweeps.search.space import make_space
from tests.requirements import demand

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = README + "".join(p.read_text(encoding="utf-8") for p in sorted(ROOT.glob("docs/*.md")))


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


def commands(program: str) -> list[str]:
    whole = [block.replace("\\\n", " ") for block in blocks("sh", PAGES)]
    lines = [line for block in whole for line in block.splitlines()]
    lines += (ROOT / "Makefile").read_text().replace("$(BIN)/", "").splitlines()
    return [line.strip() for line in lines if line.strip().startswith(f"python {program}")]


def test_examples_of_code_run(capsys: pytest.CaptureFixture) -> None:
    examples = blocks("python", (ROOT / "docs" / "layers.md").read_text(encoding="utf-8"))
    assert examples
    for example in examples:
        exec(compile(example, "layers.md", "exec"), {})
    assert "torch.Size([6, 50, 24])" in capsys.readouterr().out


@pytest.mark.parametrize("command", dict.fromkeys(commands("train.py")))
def test_commands_are_accepted(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if re.search(r"logger=(wandb|mlflow)", command):
        demand("trackers")
        monkeypatch.setenv("WANDB_MODE", "offline")  # nobody is logged in
    if "energy=codecarbon" in command:
        demand("energy")
    arguments = shlex.split(command, comments=True)[2:]
    preflight(arguments, ROOT / "conf", "train")
    overrides = [word for word in arguments if not word.startswith("-")]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3", job_name="train"):
        composer = Composer(ROOT / "conf", "train")
        params = composer.settings(overrides, RunMode.MULTIRUN).hydra.sweeper.params
        if any(word.startswith("search=") for word in overrides):
            lines = make_space(overrides, dict(params)).corners()
        else:
            lines = expand(overrides, dict(params))
        assert make_points(composer, lines[::7], ROOT)  # of a grid some: each takes its time


def test_downloads_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    monkeypatch.setattr(downloads, "_fetch", lambda names, root: fetched.append(names))
    for command in commands("-m snn.data"):
        assert downloads.main(shlex.split(command, comments=True)[3:]) == 0
    assert ["fashion_mnist", "shd", "tbl"] in fetched


def test_commands_are_checked_at_all() -> None:
    assert len(commands("train.py")) >= 4
    with pytest.raises(ConfigError):
        preflight(["model.nb_hiden=3"], ROOT / "conf", "train")


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", "\n".join(blocks("sh")), re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_linked_files_exist() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link
