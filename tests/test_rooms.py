"""The rooms of the package: each imports from those below it, and no modules form a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "snn"
# From the bottom up; those at the top may import from all.
ROOMS = (
    *("errors", "lazy", "moved", "checks", "options", "files", "places"),
    *("energy", "neurons", "events", "kernels", "network", "export", "plots", "data", "training"),
    *("config", "runs", "sweeps", "analysis", "evaluation", "cli"),
)
# Reads records, which runs write: what started them is no business of it.
APART = {("analysis", "sweeps")}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, names: dict[str, Path]) -> Iterator[str]:
    """The package's modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in below:
                if name in names:
                    yield name
                elif node.module in names:
                    yield node.module


NAMES = modules()
IMPORTS = {name: set(imported(path, NAMES)) - {name} for name, path in NAMES.items()}


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_the_package_was_read() -> None:
    assert len(NAMES) > 100
    assert "snn.errors" in IMPORTS["snn.config.compose"]


def test_every_room_has_its_place() -> None:
    assert {room(name) for name in NAMES} - {"", "__main__"} == set(ROOMS)


@pytest.mark.parametrize("name", [name for name in NAMES if room(name) in ROOMS])
def test_imports_point_down(name: str) -> None:
    own = ROOMS.index(room(name))
    for other in IMPORTS[name]:
        if room(other) not in ROOMS:
            continue
        assert ROOMS.index(room(other)) <= own, f"{name} imports {other}, which lies above it"
        assert (room(name), room(other)) not in APART, f"{name} imports {other}"


def test_no_circles() -> None:
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail("modules import each other: " + " -> ".join(error.args[1]))
