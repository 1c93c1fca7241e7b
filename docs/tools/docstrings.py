r"""Docstrings as Markdown: roles become code, ``.. math::`` becomes an equation."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from griffe import Extension, Object

ROLE = re.compile(r":(?:func|class|data|mod|meth|attr|exc|obj):`~?([^`]+)`")
MATH = re.compile(r":math:`([^`]+)`")
BLOCK = re.compile(
    r"^(?P<indent> *)\.\. math::(?P<rest>[^\n]*)\n(?P<body>(?:(?P=indent) +\S[^\n]*\n?|[ ]*\n)*)",
    re.MULTILINE,
)
TABLE = re.compile(r"^=+ =+\n.*?^=+ =+$", re.MULTILINE | re.DOTALL)


def markdown(text: str) -> str:
    """A docstring's reStructuredText in the few forms that this package uses."""
    text = BLOCK.sub(_equation, text)
    text = TABLE.sub(lambda found: f"```text\n{found[0]}\n```", text)
    text = MATH.sub(r"$\1$", text)
    text = ROLE.sub(r"`\1`", text)
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def _equation(block: re.Match) -> str:
    body = "\n".join([block["rest"].strip(), textwrap.dedent(block["body"]).strip()]).strip()
    if "&" in body:
        body = rf"\begin{{aligned}}{body}\end{{aligned}}"
    lines = "\n".join(["$$", body, "$$"])
    return textwrap.indent(lines, block["indent"]) + "\n\n"


class Markdown(Extension):
    """Rewrites every docstring after it has been read from the source."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)
