"""The documentation builds as a site, without a warning, and needs nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT
from tests.requirements import demand, needs


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    demand("docs")
    folder = tmp_path_factory.mktemp("site")
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    return folder


@pytest.mark.seconds(13)
@needs("docs")
def test_the_site(site: Path) -> None:  # in one: each worker would build a site of its own
    check_pages(site)
    check_equations_are_drawn(site)
    check_nothing_is_loaded_from_elsewhere(site)


def check_pages(site: Path) -> None:
    for page in ("index", "concepts/neuron", "notebooks/sweep", "results/index", "training"):
        assert (site / f"{page}.html").exists(), page
    rooms = {path.parent.name for path in ROOT.glob("snn/*/__init__.py")}
    assert rooms == {path.stem for path in site.glob("reference/*.html")} - {"index"}
    assert "snn.neurons.lif.lif" in (site / "reference/neurons.html").read_text()


def check_equations_are_drawn(site: Path) -> None:
    neuron = (site / "concepts/neuron.html").read_text()
    assert neuron.count("<math") > 10
    assert "<mtable" in neuron  # lines below each other
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert 'class="arithmatex"' not in text, page
        for equation in re.findall(r"<math.*?</math>", text, re.DOTALL):
            assert "aligned" not in re.sub(r"<mi>(.)</mi>", r"\1", equation), page


def check_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert not re.search(r'<(script|img|iframe)[^>]* src="?(https?:)?//', text), page
        assert not re.search(r'<link rel="?(stylesheet|preconnect)[^>]*//', text), page
