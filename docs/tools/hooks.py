"""What the site has beside the Markdown files: notebooks, the reference, equations.

Notebooks are scripts in cells (``# %%``); the reference has a page for each room of the package;
equations become MathML, which browsers draw by themselves, so that no page needs a script for them.
"""

from __future__ import annotations

import ast
import html
import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "snn"
# An equation that pymdownx.arithmatex has marked, in a line or on its own.
EQUATION = re.compile(
    r'<(span|div) class="arithmatex">(?:\\\((.*?)\\\)|\\\[(.*?)\\\])</\1>', re.DOTALL
)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#:\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from other files."""
    for script in sorted(Path(config.docs_dir).glob("notebooks/*.py")):
        text = notebook_page(script.read_text(encoding="utf-8"), script.name)
        files.append(File.generated(config, f"notebooks/{script.stem}.md", content=text))
    for name, text in reference_pages().items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Names of files that are no part of the site stay, without a link that leads nowhere."""
    here = posixpath.dirname(page.file.src_uri)

    def kept(link: re.Match) -> str:
        target = posixpath.normpath(posixpath.join("docs", here, link[2]))
        return link[0] if target.startswith("docs/") else link[1]

    return LINK.sub(kept, markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Equations as MathML."""

    def drawn(equation: re.Match) -> str:
        text = html.unescape(equation[2] or equation[3]).strip()
        # The converter knows no `aligned`; in MathML both are the same table.
        text = text.replace("{aligned}", "{align*}")
        return convert(text, display="inline" if equation[2] else "block")

    return EQUATION.sub(drawn, content)


def notebook_page(script: str, name: str) -> str:
    """A script in cells as a page: its comments as text, its code as code."""
    parts = []
    for cell in re.split(r"^# %%", script, flags=re.MULTILINE)[1:]:
        kind, _, body = cell.partition("\n")
        if "[markdown]" in kind:
            parts.append(re.sub(r"^# ?", "", body.strip(), flags=re.MULTILINE))
        elif body.strip():
            parts.append(f"```python\n{body.strip()}\n```")
    parts.insert(1, f"[{name}]({name}) runs as a script, and opens in Jupyter with jupytext.")
    return "\n\n".join(parts) + "\n"


def reference_pages() -> dict[str, str]:
    """A page for each room, and one that lists them."""
    pages, rows = {}, []
    for room in sorted(path.parent for path in PACKAGE.glob("*/__init__.py")):
        modules = [
            path.relative_to(ROOT).with_suffix("")
            for path in sorted(room.rglob("*.py"))
            if not path.name.startswith("_") and not _is_private(path)
        ]
        blocks = [f"::: {'.'.join(module.parts)}" for module in modules]
        said = summary(room / "__init__.py")
        pages[room.name] = "\n\n".join([f"# snn.{room.name}", said, *blocks]) + "\n"
        rows.append(f"| [snn.{room.name}]({room.name}.md) | {said} |")
    said = "From the docstrings, a page for each room of the package."
    lines = ["# Reference", "", said, "", "| | |", "|---|---|", *rows]
    return {"index": "\n".join(lines) + "\n", **pages}


def summary(path: Path) -> str:
    """The first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.split("\n\n")[0].replace("\n", " ").replace("``", "`")


def _is_private(path: Path) -> bool:
    return any(part.startswith("_") for part in path.relative_to(PACKAGE).parts[:-1])
