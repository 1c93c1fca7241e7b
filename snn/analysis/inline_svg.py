"""Matplotlib's SVG as a part of a page: with ids of its own, and the page's colours."""

from __future__ import annotations

import html
import re

# Ink, paper and grid follow the page's day and night; colours of data stay.
COLOURS = {"#000000": "var(--ink)", "#ffffff": "var(--paper)", "#e3e3e3": "var(--grid)"}


def inline_svg(svg: str, name: str, caption: str) -> str:
    """The drawing in a frame that it fills, and in which it moves sideways on a narrow screen.

    Args:
        svg: the file's text.
        name: sets its ids apart from those of other figures.
        caption: what it shows, for those who do not see it.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    prefix = re.sub(r"\W", "_", name)
    body = re.sub(r'\bid="', f'id="{prefix}-', body)
    body = re.sub(r'((?:xlink:)?href="|url\()#', rf"\1#{prefix}-", body)
    width = re.search(r'width="([\d.]+)pt"', body)
    natural = f"{float(width[1]) * 4 / 3:.0f}px" if width else "100%"
    # A raster of colours, a colour bar say, was made for white ground.
    sheet = " sheet" if "<image" in body else ""
    for colour, variable in COLOURS.items():
        body = re.sub(rf"(?<=: ){colour}\b", variable, body)
    label = html.escape(caption)
    body = body.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    return f'<div class="drawing{sheet}" style="--natural:{natural}">{body}</div>'
