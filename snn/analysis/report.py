"""One self-contained HTML page: tables as text, figures embedded, nothing fetched."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from snn.analysis.tables import Table

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1.5rem;
  color: #1a1a1a; background: #fff; }
h1 { font-size: 1.6rem; }
h2 { border-top: 2px solid #0072b2; padding-top: .6rem; margin-top: 2rem; }
h3 { font-size: 1rem; margin-bottom: .3rem; }
table { border-collapse: collapse; font-size: .88rem; }
th { text-align: left; border-bottom: 2px solid #555; position: sticky; top: 0; background: #fff; }
td { border-bottom: 1px solid #ddd; } th, td { padding: .2rem .7rem .2rem 0; vertical-align: top; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.table { overflow: auto; max-height: 32rem; }
.note, figcaption { color: #444; font-size: .88rem; max-width: 50rem; }
.warn { border-left: 4px solid #d55e00; padding: .3rem .8rem; margin: .6rem 0; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; }
pre { background: #f3f3f3; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
nav a { margin-right: 1rem; }
"""


@dataclass
class Section:
    """What the report says of one subject, in this order."""

    title: str
    warnings: list[str] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    figures: list[tuple[str, str, bytes]] = field(default_factory=list)  # name, caption, PNG


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The whole document."""
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    links = "".join(
        f'<a href="#s{i}">{html.escape(section.title)}</a>' for i, section in enumerate(sections)
    )
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(lead)} Made {made}.</p><nav>{links}</nav>",
        *(_section(i, section) for i, section in enumerate(sections)),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _section(number: int, section: Section) -> str:
    parts = [f'<h2 id="s{number}">{html.escape(section.title)}</h2>']
    parts += [f'<p class="warn">{html.escape(text)}</p>' for text in section.warnings]
    parts += [f"<p>{html.escape(text)}</p>" for text in section.paragraphs]
    parts += [table.html() for table in section.tables]
    parts += [f"<pre>{html.escape(command)}</pre>" for command in section.commands]
    for name, caption, png in section.figures:
        data = base64.b64encode(png).decode("ascii")
        parts.append(
            f'<figure><img alt="{html.escape(name)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        )
    return "\n".join(parts)
