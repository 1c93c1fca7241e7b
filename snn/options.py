"""Functions whose many options come in groups, and are still given by their plain names.

A group is a frozen dataclass derived from :class:`Options`. A function under :func:`grouped` that
takes one is called with the group's fields as keywords, so that a configuration stays flat::

    @dataclass(frozen=True, kw_only=True)
    class Noise(Options):
        sigma: NonNegative = 0.1

    @grouped
    def play(*, volume: float, noise: Noise) -> None: ...

    play(volume=1.0, sigma=0.2)

Signature and annotations of the function are then those of its groups' fields, which makes them the
schema of a configuration (:mod:`snn.config.schema`).
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Options:
    """A group of options; every field has a default."""


def grouped(function: Callable[..., _T]) -> Callable[..., _T]:
    """Let a function with keyword parameters take the fields of its groups instead of the groups.

    Raises:
        TypeError: two groups, or a group and a parameter, share a name.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    plain = inspect.signature(function)
    groups = {n: h for n, h in hints.items() if inspect.isclass(h) and issubclass(h, Options)}
    parameters = {n: p for n, p in plain.parameters.items() if n not in groups}
    annotations = {n: h for n, h in hints.items() if n not in groups}
    owners: dict[str, str] = {}
    for group, kind in groups.items():
        of_group = typing.get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            if field.name in parameters:
                raise TypeError(f"{function.__name__}() has two options {field.name}")
            parameters[field.name] = inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=of_group[field.name],
            )
            annotations[field.name] = of_group[field.name]
            owners[field.name] = group

    @functools.wraps(function)
    def call(**given: Any) -> _T:
        of_groups: dict[str, dict[str, Any]] = {group: {} for group in groups}
        others = {}
        for name, value in given.items():
            (of_groups[owners[name]] if name in owners else others)[name] = value
        made = {group: groups[group](**values) for group, values in of_groups.items()}
        return function(**others, **made)

    call.__signature__ = plain.replace(parameters=list(parameters.values()))  # type: ignore[attr-defined]
    call.__annotations__ = annotations
    return call
