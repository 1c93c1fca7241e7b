"""One table as Markdown, LaTeX and HTML."""

from __future__ import annotations

import pytest

from snn.analysis.tables import MOST_ON_A_PAGE, Table


def table(rows: int) -> Table:
    cells = [(f"a_{i}", "50 % ± 1") for i in range(rows)]
    return Table("shares", "Shares & more", ["name", "value|unit"], cells, note="100 % of {runs}.")


def test_special_characters_do_not_break_a_format() -> None:
    assert "| a_0 | 50 % ± 1 |" in table(1).markdown()
    assert "value\\|unit" in table(1).markdown()
    assert r"  a\_0 & 50 \% $\pm$ 1 \\" in table(1).latex()
    assert r"\caption{Shares \& more. 100 \% of \{runs\}.}" in table(1).latex()
    assert "<h3>Shares &amp; more</h3>" in table(1).html()


@pytest.mark.parametrize(
    ("rows", "environment"), [(MOST_ON_A_PAGE, "table"), (MOST_ON_A_PAGE + 1, "longtable")]
)
def test_a_table_longer_than_a_page_is_broken(rows: int, environment: str) -> None:
    lines = table(rows).latex().splitlines()
    assert lines[0].startswith(rf"\begin{{{environment}}}")
    assert lines[-1] == rf"\end{{{environment}}}"
    body = [line for line in lines if line.lstrip().startswith(r"a\_")]
    assert len(body) == rows
    assert lines.count(r"  name & value|unit \\") == (2 if environment == "longtable" else 1)
