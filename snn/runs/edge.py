"""A parameter whose best value is the largest or smallest that was run: the thesis's + and -."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """Such a parameter.

    Attributes:
        key: dotted, or a group's name.
        best: its best value.
        mark: ``+`` for the largest, ``-`` for the smallest.
        value: the next one beyond it; None if none makes sense.
        lead: how far its mean is above the next best value's.
    """

    key: str
    best: str
    mark: str
    value: str | None
    lead: float
