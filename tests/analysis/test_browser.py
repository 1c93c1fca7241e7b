"""The report in a headless Chromium: touched, read and printed as a person would."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snn.analysis.records import read_records
from snn.analysis.summary import summarise
from tests.analysis.browser import Browser, Page, browser, chromium
from tests.analysis.synthetic import write_grid, write_run

HIDDEN, STEPS, SCALE, RATE = (
    *("model.nb_hidden", "data.nb_steps", "model.scale", "model.regularizer"),
)
AXES = {HIDDEN: [50, 100, 300], STEPS: [25, 50, 100], SCALE: [5, 20, 80], RATE: [1e-6, 1e-5, 1e-4]}
WIDTHS = (400, 1400)
PRINTABLE = 703  # CSS pixels between the margins of A4
ROWS = "[...document.querySelectorAll('#runs tbody tr')]"


def measured(point: dict[str, Any]) -> dict[str, Any]:
    wobble = 0.02 * math.sin(7 * point[HIDDEN] + 3 * point[STEPS] + point[SCALE] + point["seed"])
    val = 0.95 - 8 / point[HIDDEN] - 0.1 * abs(math.log10(point[SCALE] / 20)) + wobble
    val = 0.1 if point[RATE] == 1e-4 and point[HIDDEN] == 50 else val
    curve = [val * (1 - math.exp(-(i + 1) / 4)) for i in range(12)]
    look = {"val": val, "train": val + 0.03, "test": val - 0.02, "curve": curve}
    return look | {"seconds": point[HIDDEN] / 10 + point[STEPS], "spikes": 2.0 * point[HIDDEN]}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium()
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, opened: Browser) -> Path:
    """Of 81 runs, one that failed, and a table of 27 rows."""
    folder = tmp_path_factory.mktemp("sweep")
    write_grid(folder, AXES | {"seed": [1]}, measured)
    write_run(folder / "failed", {HIDDEN: 50, "seed": 1}, error="<b>exploded</b>")
    return summarise(read_records(folder)).folder / "report.html"


@pytest.fixture
def page(opened: Browser, report: Path) -> Iterator[Page]:
    page = opened.page()
    page.view(1400)
    show(page, report)
    yield page
    assert page.errors == []


def show(page: Page, report: Path) -> None:
    page.open(report)
    page.wait("!!document.documentElement.dataset.ready")


def count(page: Page) -> str:
    return page.run("document.getElementById('count').textContent")


def column(page: Page, title: str) -> list[str]:
    """The shown cells below a heading."""
    heads = "[...document.querySelectorAll('#runs thead tr:first-child th')]"
    place = f"{heads}.findIndex((th) => th.textContent === {title!r})"
    return page.run(
        f"(() => {{ const c = {place}; return {ROWS}.map((r) => r.cells[c].textContent)}})()"
    )


def head(title: str) -> str:
    buttons = "[...document.querySelectorAll('#runs th button')]"
    return f"{buttons}.find((button) => button.textContent === {title!r})"


def middle(page: Page, selector: str) -> dict[str, float]:
    """Where an element lies on the screen, scrolled into sight."""
    page.run(f"document.querySelector('{selector}').scrollIntoView({{block: 'center'}})")
    return page.run(f"document.querySelector('{selector}').getBoundingClientRect().toJSON()")


def test_sorts_by_click_and_by_key(page: Page) -> None:
    best_first = [float(cell) for cell in column(page, "validation accuracy (%)")]
    assert best_first == sorted(best_first, reverse=True)
    page.run(f"{head('nb_hidden')}.click()")
    assert set(column(page, "nb_hidden")) == {"50"}
    page.run(f"{head('nb_hidden')}.focus()")
    page.press_enter()
    assert set(column(page, "nb_hidden")) == {"300"}
    assert page.run(f"{head('nb_hidden')}.parentElement.ariaSort") == "descending"


def test_filters_table_and_charts(page: Page) -> None:
    assert count(page) == "82 runs, the first 25 shown"
    page.run("document.querySelector('[aria-label=\"filter by nb_hidden\"]').focus()")
    page.type("50|300")
    assert count(page).startswith("55 of 82 runs")
    page.run("document.querySelector('[aria-label=\"filter by validation accuracy (%)\"]').focus()")
    page.type(">= 90")
    kept = [float(cell) for cell in column(page, "validation accuracy (%)")]
    assert min(kept) >= 90
    drawn = (
        "echarts.getInstanceByDom(document.getElementById('scatter')).getOption().series[0].data"
    )
    number = int(count(page).split()[0])
    assert page.run(f"{drawn}.length") == number < 55
    page.run("document.getElementById('clear').click()")
    assert count(page).startswith("82 runs")
    page.run("document.querySelector('[aria-label=\"filter by state\"]').focus()")
    page.type("failed")
    assert column(page, "state") == ["failed"]


def test_brushes(page: Page) -> None:
    place = middle(page, "#parallel")
    # The last axis is the metric's; its upper end has the best runs.
    chart = "echarts.getInstanceByDom(document.getElementById('parallel'))"
    x = place["left"] + place["width"] - 64
    top = place["top"] + 60
    page.drag((x, top - 2), (x, top + 0.1 * place["height"]))
    page.wait("/ of 82 runs/.test(document.getElementById('count').textContent)")
    brushed = int(count(page).split()[0])
    assert 0 < brushed < 60
    page.run("document.getElementById('all-rows').click()")
    values = [float(cell) for cell in column(page, "validation accuracy (%)")]
    assert len(values) == brushed
    assert min(values) > 80
    assert (
        page.run(
            f"{chart}.getModel().getSeriesByIndex(0).getRawIndicesByActiveState('active').length"
        )
        == brushed
    )
    page.run("document.getElementById('clear').click()")
    assert count(page) == "82 runs"


def test_a_hover_is_read_and_a_click_draws_the_curve(page: Page) -> None:
    place = middle(page, "#scatter")
    chart = "echarts.getInstanceByDom(document.getElementById('scatter'))"
    value = page.run(f"{chart}.getOption().series[0].data.at(-1).value")
    x, y = page.run(f"{chart}.convertToPixel({{seriesIndex: 0}}, {value})")
    before = page.run("document.querySelectorAll('#chosen li').length")
    page.mouse("mouseMoved", place["left"] + x - 30, place["top"] + y + 30)
    page.mouse("mouseMoved", place["left"] + x, place["top"] + y)
    page.wait("/validation accuracy/.test(document.getElementById('scatter').innerText)")
    text = page.run("document.getElementById('scatter').innerText")
    assert f"{value[1]:.2f}" in text
    assert "nb_hidden: " in text
    for kind in ("mousePressed", "mouseReleased"):
        held = {"button": "left", "clickCount": 1}
        page.mouse(kind, place["left"] + x, place["top"] + y, **held)
    page.wait(f"document.querySelectorAll('#chosen li').length !== {before}")


def test_runs_are_linked(page: Page, report: Path) -> None:
    link = page.run("document.querySelector('#runs tbody a').getAttribute('href')")
    assert (report.parent / link / "result.json").exists()


CLIPPED = """(() => {
  const found = [];
  for (const frame of document.querySelectorAll(".table, .drawing, figure, section")) {
    const style = getComputedStyle(frame);
    const cut = frame.scrollHeight > frame.clientHeight + 2 && style.overflowY !== "visible";
    if (cut) found.push(["rows", frame.className, frame.scrollHeight, frame.clientHeight]);
  }
  for (const row of document.querySelectorAll("tr")) {
    const isFolded = row.closest(".fold") && !row.offsetHeight;
    const isField = row.classList.contains("filters");
    if (!row.offsetHeight && !isFolded && !isField) found.push(["row", row.innerText]);
  }
  return found;
})()"""

# Frames that move sideways and do not say so.
SILENT = """[...document.querySelectorAll(".table, .drawing")].filter((frame) =>
  frame.scrollWidth > frame.clientWidth + 1
  && !frame.parentElement.querySelector(".sideways").offsetHeight).length"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_off_on_the_screen(
    opened: Browser, report: Path, width: int, dark: bool
) -> None:
    page = opened.page()
    page.view(width, dark=dark)
    show(page, report)
    assert page.run(CLIPPED) == []
    assert page.run("document.documentElement.scrollWidth") <= width
    # What is wider than its frame says so; what is longer than its fold too.
    silent = page.run(SILENT)
    assert silent == 0
    folds = page.run(
        "[...document.querySelectorAll('.fold')].map((f) => [f.querySelectorAll('tbody tr').length,"
        " f.querySelector('.more').innerText])"
    )
    assert folds
    assert all(f"all {rows} rows" in text for rows, text in folds)
    page.run("document.querySelector('.fold input').click()")
    assert page.run(
        "[...document.querySelectorAll('.fold tr')].slice(0, 82).every((r) => r.offsetHeight)"
    )
    ground = page.run("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(22, 24, 27)" if dark else "rgb(255, 255, 255)")
    assert page.errors == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_off_on_paper(opened: Browser, report: Path, width: int) -> None:
    page = opened.page()
    page.view(width, dark=True)
    show(page, report)
    page.view(PRINTABLE, dark=True, paper=True)
    page.wait(f"{ROWS}.length === 82")  # the screen has 25 of them
    assert page.run(CLIPPED) == []
    assert page.run(
        "[...document.querySelectorAll('tbody tr')].every((row) => row.offsetHeight > 0)"
    )
    ends = "(e) => Math.round(e.getBoundingClientRect().right)"
    parts = "[...document.querySelectorAll('table, svg, canvas, pre')]"
    wide = page.run(f"{parts}.map({ends}).filter((right) => right > {PRINTABLE + 1})")
    assert wide == []
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    printed = page.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
    assert len(printed["data"]) > 20_000
    assert page.errors == []


@pytest.mark.long
def test_a_thousand_runs(opened: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    axes = AXES | {
        HIDDEN: [50, 100, 150, 200, 250, 300],
        STEPS: [25, 50, 75, 100],
        "seed": [1, 2, 3, 4, 5],
    }
    write_grid(tmp_path, axes, measured)
    report = summarise(read_records(tmp_path), quick=True).folder / "report.html"
    assert report.stat().st_size < 3e6  # the figures, which are left out here, take one more
    page = opened.page()
    page.view(1400)
    times = []
    for _ in range(3):
        show(page, report)
        times.append(int(page.run("document.documentElement.dataset.ready")))
    assert count(page).startswith("1080 runs")
    assert min(times) < 3000
    assert page.errors == []
