"""A table of text, and how it looks as Markdown, LaTeX, HTML and in a terminal."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich import box
from rich.markup import escape
from rich.table import Table as RichTable

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "²": r"\textsuperscript{2}",
    "ω": r"$\omega$",
    "–": "--",
}
MOST_ON_A_PAGE = 40  # rows of a table in LaTeX
FIRST_OPEN = 20  # rows of a long table in the report, until one asks for all; see report.css
MOST_OPEN = 25  # rows of a table that is shown all
MOST_SHOWN = 12  # rows of a long table in a terminal; a few more are shown all


@dataclass
class Table:
    """Rows of text under a heading.

    Attributes:
        name: of its files.
        title: one line.
        columns: headings; the first ``words`` columns are left-aligned, the others right-aligned.
        rows: cells.
        words: number of columns of words.
        note: below the table; may be empty.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    words: int = 1
    note: str = ""

    def markdown(self) -> str:
        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"

        rule = ["---" if i < self.words else "---:" for i in range(len(self.columns))]
        lines = [f"### {self.title}", "", line(self.columns), line(rule), *map(line, self.rows)]
        return "\n".join(lines) + "\n" + (f"\n{self.note}\n" if self.note else "")

    def latex(self) -> str:
        """With ``booktabs`` rules: a ``table``, or a ``longtable`` where one page is too short."""

        def line(cells: Sequence[str]) -> str:
            return "  " + " & ".join(map(latex_text, cells)) + r" \\"

        aligned = "l" * self.words + "r" * (len(self.columns) - self.words)
        caption = rf"  \caption{{{latex_text(f'{self.title}. {self.note}'.strip())}}}"
        head = [r"  \toprule", line(self.columns), r"  \midrule"]
        body = [*map(line, self.rows), r"  \bottomrule"]
        if len(self.rows) > MOST_ON_A_PAGE:
            begin, end = rf"\begin{{longtable}}{{{aligned}}}", r"\end{longtable}"
            # The caption stands once, the columns' names on every page.
            again = [r"  \endfirsthead", *head, r"  \endhead"]
            return "\n".join([begin, caption + r" \\", *head, *again, *body, end, ""])
        begin, end = rf"  \begin{{tabular}}{{{aligned}}}", r"  \end{tabular}"
        inner = [r"  \centering", caption, begin, *head, *body, end]
        return "\n".join([r"\begin{table}", *inner, r"\end{table}", ""])

    def html(self) -> str:
        def line(cells: Sequence[str], tag: str) -> str:
            kinds = ["" if i < self.words else ' class="n"' for i in range(len(cells))]
            inner = (
                f"<{tag}{kind}>{html.escape(cell)}</{tag}>"
                for kind, cell in zip(kinds, cells, strict=True)
            )
            return "<tr>" + "".join(inner) + "</tr>"

        note = f'<p class="note">{html.escape(self.note)}</p>' if self.note else ""
        body = "\n".join(line(row, "td") for row in self.rows)
        table = (
            f'<div class="table"><table><thead>{line(self.columns, "th")}</thead>'
            f"<tbody>\n{body}\n</tbody></table></div>"
        )
        if len(self.rows) > MOST_OPEN:
            label = f"Show all {len(self.rows)} rows, not the first {FIRST_OPEN} only"
            box = f'<label class="more"><input type="checkbox"> {label}</label>'
            table = f'<div class="fold">{table}{box}</div>'
        return f"<h3>{html.escape(self.title)}</h3>\n{table}{note}\n"

    def rich(self) -> RichTable:
        """For a terminal: the first :data:`MOST_SHOWN` rows."""
        shown = len(self.rows) if len(self.rows) <= MOST_SHOWN + 4 else MOST_SHOWN
        left = len(self.rows) - shown
        more = f"... and {left} more rows in {self.name}.md. " if left > 0 else ""
        table = RichTable(
            title=escape(self.title),
            caption=escape(more + self.note) or None,
            box=box.SIMPLE_HEAD,
            title_justify="left",
            caption_justify="left",
        )
        for i, column in enumerate(self.columns):
            side = "left" if i < self.words else "right"
            table.add_column(escape(column), justify=side, overflow="fold")
        for row in self.rows[:shown]:
            table.add_row(*(escape(cell) for cell in row))
        return table


def latex_text(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def number_text(value: float, digits: int = 2) -> str:
    """A number, or a dash where there is none."""
    return "-" if value != value else f"{value:.{digits}f}"


def percent(value: float, digits: int = 2) -> str:
    """A share 0..1 in per cent, without the sign."""
    return number_text(100 * value, digits)


def with_spread(mean: float, sd: float, factor: float = 1.0, digits: int = 2) -> str:
    """``mean ± sd``; without a spread the mean alone."""
    text = number_text(factor * mean, digits)
    return text if sd != sd or mean != mean else f"{text} ± {number_text(factor * sd, digits)}"


def significant(value: float) -> str:
    """Three digits that count, whatever the size: ``0.0123``, ``4.57``, ``1,230``."""
    if value != value:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def brief(value: float) -> str:
    """Seconds or spikes, with as many digits as are worth reading."""
    return number_text(value, 0 if value >= 100 else 1 if value >= 10 else 2)
