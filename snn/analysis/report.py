"""One self-contained HTML page: tables as text, figures drawn in place, nothing fetched."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from snn.analysis.inline_svg import inline_svg
from snn.analysis.interactive import as_script
from snn.analysis.tables import Table

LIBRARY = "vendor/echarts.min.js"
SCRIPTS = (
    *("state.js", "charts.js", "table.js", "parallel.js", "scatter.js", "curves.js", "main.js"),
)
RELOAD = """<p><label><input type="checkbox" id="reload" checked> Reload this page every {} seconds,
while the sweep runs (not while you type or brush).</label></p>"""


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes:
        name: of its files, beside the report or in the folder ``place``.
        caption: what it shows.
        svg: the drawing.
        place: folder of the files as seen from the report, with a slash at its end, or empty.
    """

    name: str
    caption: str
    svg: str
    place: str = ""


@dataclass
class Section:
    """What the report says of one subject, in this order."""

    title: str
    warnings: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    figures: list[Picture] = field(default_factory=list)
    app: dict[str, Any] | None = None  # the runs to sort, filter and draw

    @property
    def has_text(self) -> bool:
        """Whether it has anything for a terminal."""
        return bool(self.warnings or self.tables or self.paragraphs or self.commands)

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing for the page either."""
        return not (self.has_text or self.figures or self.app)


def asset(name: str) -> str:
    """The text of a file that the page is made of."""
    return (resources.files("snn.analysis") / "assets" / name).read_text(encoding="utf-8")


def page(title: str, lead: str, sections: Sequence[Section], refresh: float | None = None) -> str:
    """The whole document.

    Args:
        title: of the page.
        lead: the first line.
        sections: in order.
        refresh: seconds after which it loads itself anew; None: it is final.
    """
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    links = "".join(
        f'<a href="#s{i}">{html.escape(section.title)}</a>' for i, section in enumerate(sections)
    )
    app = next((section.app for section in sections if section.app is not None), None)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title><style>{asset('report.css')}</style></head><body>",
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(lead)} Made {made}.</p>",
        RELOAD.format(f"{refresh:.0f}") if refresh is not None and app is not None else "",
        f"<nav>{links}</nav>",
        *(_section(i, section) for i, section in enumerate(sections)),
        _scripts(app | {"refresh": refresh}) if app is not None else "",
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _scripts(app: dict[str, Any]) -> str:
    own = "\n".join(map(asset, SCRIPTS))
    return (
        f'<script type="application/json" id="report-data">{as_script(app)}</script>\n'
        f"<script>{asset(LIBRARY)}</script>\n<script>\n{own}</script>"
    )


def _section(number: int, section: Section) -> str:
    parts = [f'<h2 id="s{number}">{html.escape(section.title)}</h2>']
    parts += [f'<p class="warn">{html.escape(text)}</p>' for text in section.warnings]
    parts += [table.html() for table in section.tables]
    parts += [f"<p>{html.escape(text)}</p>" for text in section.paragraphs]
    parts += [f"<pre>{html.escape(command)}</pre>" for command in section.commands]
    parts += [asset("app.html")] if section.app is not None else []
    parts += [_figure(picture) for picture in section.figures]
    return "\n".join(parts)


def _figure(picture: Picture) -> str:
    stem = html.escape(picture.place + picture.name)
    files = " ".join(f'<a href="{stem}.{kind}">{kind.upper()}</a>' for kind in ("svg", "png"))
    drawing = inline_svg(picture.svg, picture.name, picture.caption)
    caption = f"{html.escape(picture.caption)} Files: {files}"
    return f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>"
