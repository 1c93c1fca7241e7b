"""Checks a resolved configuration before anything is loaded.

The schema of a node is the signature of its ``_target_``: types, choices and ranges stand there
once, as annotations, and a new data set or model brings its own along. Targets of other packages
are checked for unknown keys, and for ranges where :data:`~snn.config.keys.FOREIGN` knows them.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import logging
import sys
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from hydra.utils import get_object
from pydantic import BaseModel, ValidationError, create_model

from snn.checks import allowed
from snn.config.hints import meaningless, unknown_key
from snn.config.keys import FOREIGN, STRICT, Root, SearchOptions
from snn.errors import ConfigError, first_line

SPECIAL_KEYS = {"_target_", "_partial_", "_recursive_", "_convert_", "_args_"}


def check(config: Mapping[str, Any]) -> None:
    """Check a resolved configuration (plain containers).

    Raises:
        ConfigError: an unknown key, a wrong type or an impossible value; the message names the
            key, the value and what is allowed.
    """
    _validate(Root, config, "")
    for group in ("data", "model", "optimizer", "trainer"):
        if "_target_" not in config[group]:
            raise ConfigError(f"{group}._target_", None, f"given: choose another {group}=...")
    for group in ("logger", "callbacks", "augment", "energy"):
        for name, node in (config.get(group) or {}).items():
            if node is not None and "_target_" not in node:
                raise ConfigError(f"{group}.{name}._target_", None, "given")
    for group in ("optimizer", "scheduler", "trainer"):
        _check_cheaply(group, config.get(group) or {})
    for key in Root.model_fields:
        _walk(key, config.get(key))


def check_search(search: Mapping[str, Any]) -> None:
    """Check the node of a search.

    Raises:
        ConfigError: as :func:`check`.
    """
    _validate(SearchOptions, search, "search.")
    for group in ("sampler", "pruner"):
        _walk(f"search.{group}", search[group])
    if "_target_" not in search["sampler"]:
        raise ConfigError("search.sampler._target_", None, "given: choose a search/sampler=...")


@cache
def _model(target: Any, names: tuple[str, ...]) -> type[BaseModel]:
    """What is checked of values by these names, kept: the points of a sweep have the same.

    Args:
        target: whose annotations are the schema; None: of others' classes, what is known.
        names: of the values.

    Raises:
        NameError: an annotation names what cannot be found.
    """
    hints = FOREIGN if target is None else _annotations(target)
    fields = {name: (hints[name], ...) for name in names if name in hints}
    return create_model("Node", __config__=STRICT, **fields)


def _check_cheaply(group: str, node: Mapping[str, Any]) -> None:
    """Refuse a wrong number without the seconds that an import of its target takes."""
    if str(node.get("_target_")).startswith(("torch.optim.", "pytorch_lightning.Trainer")):
        values = {name: value for name, value in node.items() if name in FOREIGN}
        _validate(_model(None, tuple(values)), values, f"{group}.")


def _walk(key: str, node: Any) -> None:
    if not isinstance(node, Mapping):
        return
    if "_target_" in node:
        _check_target(key, node)
    for name, child in node.items():
        _walk(f"{key}.{name}", child)


def _imported(key: str, name: Any) -> Any:
    """What a full name stands for.

    Raises:
        ConfigError: it stands for nothing; where not even its module is found, that is said.
    """
    said = logging.getLogger("hydra.utils")  # the same, and at length
    disabled, said.disabled = said.disabled, True
    try:
        return get_object(name)
    except Exception as error:
        allowed, module = "the full name of something to import", str(name).partition(".")[0]
        known = module in sys.modules  # of which not all, as __main__, can be looked for
        if module and not known and importlib.util.find_spec(module) is None:
            allowed += f", but there is no module {module}: put its folder on PYTHONPATH"
        else:
            allowed += f" ({first_line(error.__cause__ or error)})"
        raise ConfigError(key, name, allowed) from None
    finally:
        said.disabled = disabled


def _check_target(key: str, node: Mapping[str, Any]) -> None:
    target = _imported(f"{key}._target_", node["_target_"])
    values = {name: value for name, value in node.items() if name not in SPECIAL_KEYS}
    parameters = _parameters(target)
    ours = _is_ours(target)
    if not ours and any(map(_takes_others, _callables(target))):
        return
    reasons = {
        name: why
        for name in values
        if name not in parameters and (why := meaningless(f"{key}.{name}", node["_target_"]))
    }
    if reasons:
        first, *others = reasons
        likewise = "; likewise " + " ".join(f"~{key}.{name}" for name in others) if others else ""
        raise ConfigError(f"{key}.{first}", values[first], reasons[first] + likewise)
    _refuse_unknown(key, values, parameters)
    # A child node with a target becomes an object later and is checked on its own.
    values = {k: v for k, v in values.items() if not (isinstance(v, Mapping) and "_target_" in v)}
    try:
        model = _model(target if ours else None, tuple(values))
    except NameError as error:
        allowed = f"annotated with names that its module imports ({error})"
        raise ConfigError(f"{key}._target_", node["_target_"], allowed) from None
    _validate(model, {name: values[name] for name in model.model_fields}, f"{key}.")
    if not node.get("_partial_"):
        given = set(node)
        for name, parameter in parameters.items():
            if parameter.default is parameter.empty and name not in given:
                raise ConfigError(f"{key}.{name}", None, "given")


def _is_ours(target: Any) -> bool:
    """Whether annotations are the schema: of what is here, and of classes made from it."""
    return any(
        getattr(kind, "__module__", "").split(".")[0] == "snn"
        for kind in getattr(target, "__mro__", [target])
    )


def _callables(target: Any) -> list[Callable]:
    """What takes the parameters: a class that hands on ``**others`` shares them with its bases."""
    if not inspect.isclass(target):
        return [target]
    found = []
    for kind in inspect.getmro(target):
        if "__init__" in vars(kind):
            found.append(kind.__init__)
            if not _takes_others(kind.__init__) or not _is_ours(kind):
                break
    return found


def _takes_others(function: Callable) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


@cache
def _parameters(target: Any) -> dict[str, inspect.Parameter]:
    found: dict[str, inspect.Parameter] = {}
    for function in reversed(_callables(target)):
        found |= inspect.signature(function).parameters
    named = {n: p for n, p in found.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    named.pop("self", None)
    return named


def _annotations(target: Any) -> dict[str, Any]:
    """Annotations of all parameters.

    Raises:
        NameError: one names what cannot be found.
    """
    hints: dict[str, Any] = {}
    for function in reversed(_callables(target)):
        try:
            hints |= typing.get_type_hints(function, include_extras=True)
        except NameError as error:
            raise NameError(f"{function.__module__}.{function.__qualname__}: {error}") from None
    return hints


class UnknownKey(ConfigError):
    """Keys of a node that its target does not know.

    Args:
        node: dotted key of the node.
        values: what stands there, of the unknown keys alone.
        known: the target's parameters.
    """

    def __init__(self, node: str, values: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        self.node, self.names, self.known = node, list(values), known
        first = self.names[0]
        super().__init__(f"{node}.{first}", values[first], unknown_key(first, known, node=node))


def _refuse_unknown(key: str, values: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    unknown = {name: value for name, value in values.items() if name not in known}
    if unknown:
        raise UnknownKey(key, unknown, known)


def _validate(model: type[BaseModel], values: Mapping[str, Any], prefix: str) -> None:
    try:
        # Through JSON, where strict means: no number for a word and no word for a number, but a
        # list may be a tuple and an integer a float.
        model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise _config_error(error, values, prefix) from None


def _config_error(error: ValidationError, values: Mapping[str, Any], prefix: str) -> ConfigError:
    """The first wrong key, with everything that would have been allowed there."""
    problems = error.errors(include_url=False)
    key = str(problems[0]["loc"][0])
    child = problems[0]["loc"][1:2]
    if isinstance(values.get(key), Mapping) and child and child[0] in values[key]:
        inner = [{**problem, "loc": problem["loc"][1:]} for problem in problems]
        return _first_problem(inner, values[key], f"{prefix}{key}.")
    return _first_problem(problems, values, prefix)


def _first_problem(problems: list[Any], values: Mapping[str, Any], prefix: str) -> ConfigError:
    key = str(problems[0]["loc"][0])
    if problems[0]["type"] == "extra_forbidden":  # of the top level, the only model to see any
        return ConfigError(f"{prefix}{key}", values[key], unknown_key(key, list(Root.model_fields)))
    if problems[0]["type"] == "missing":
        return ConfigError(f"{prefix}{key}", None, "given")
    problems = [problem for problem in problems if str(problem["loc"][0]) == key]
    return ConfigError(f"{prefix}{key}", values[key], allowed(problems))
