"""Configuration values as labels: written as on the command line, put in a readable order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

ABSENT = "(absent)"


def number_label(value: float) -> str:
    """The shortest usual form of a number: ``100``, ``0.01``, ``1e-6``."""
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    if 1e-3 <= abs(value) < 1e6:
        short = f"{value:.6g}"
        return short if float(short) == value else repr(value)
    mantissa, exponent = f"{value:.12e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def label(value: Any) -> str:
    """A value as an override would give it: ``null``, ``true``, ``1e-6``, ``[200,100]``, ``zero``.

    Equal numbers share a label, whether they were written as integers or not.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_label(float(value))
    if isinstance(value, list | tuple):
        return "[" + ",".join(label(v) for v in value) + "]"
    return str(value)


def shown(text: str, longest: int = 9) -> str:
    """A label for reading: numbers drawn at random are cut to four digits."""
    value = number(text)
    return text if value is None or len(text) <= longest else number_label(float(f"{value:.4g}"))


def number(text: str) -> float | None:
    """The number that a label stands for, if it stands for one."""
    try:
        return float(text)
    except ValueError:
        return None


def ordered(labels: Iterable[str]) -> list[str]:
    """Distinct labels: numbers by size, then lists by their numbers, then words."""

    def rank(text: str) -> tuple[int, Sequence[float], str]:
        plain = number(text)
        if plain is not None:
            return 0, (plain,), text
        if text.startswith("[") and text.endswith("]"):
            parts = [number(part) for part in text[1:-1].split(",")]
            if None not in parts:
                return 1, tuple(parts), text
        return 2, (), text

    return sorted(set(labels), key=rank)
