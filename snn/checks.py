"""Checks arguments against their annotations: one place says what a value may be.

Write what is allowed into the annotations, and put :func:`checked` above the class or function::

    @checked
    @dataclass(frozen=True)
    class Noise:
        sigma: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
        kind: Literal["normal", "uniform"] = "normal"

``Noise(sigma=-1)`` then raises ``ConfigError("sigma", -1, "greater than or equal to 0")``. The
configuration's schema (:mod:`snn.config.schema`) reads the same annotations.

It works on frozen and other dataclasses, on classes with an ``__init__`` and on functions.
``@checked(prefix="data.encoder")`` names the key ``data.encoder.sigma``. Rules:

- Types are strict: no word stands for a number, no number for a word, and ``True`` is no number.
  A whole number is fine where a float is wanted, and so are numpy's numbers. Any sequence is fine
  where a list or a tuple is wanted.
- Infinity and NaN pass as ``float`` unless ``Field(allow_inf_nan=False)`` refuses them; ``Finite``,
  ``Positive``, ``NonNegative`` and ``Count`` are ready made.
- A class that is not a value (``Tensor``, ``nn.Module``, a dataclass) means an instance of it.
- A function in ``AfterValidator`` says what no type can: ``ValueError("one of ...")`` becomes the
  end of "must be ...".
- The function receives what was given, never a converted value. Defaults are not checked.
- Conditions over several parameters stay in the code: raise a :class:`~snn.errors.ConfigError`.
"""

from __future__ import annotations

import functools
import inspect
import json
import numbers
import operator
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import ConfigDict, Field, InstanceOf, PydanticUserError, TypeAdapter, ValidationError

from snn.errors import ConfigError

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]

RANGE_ERRORS = {
    "finite_number",
    "greater_than",
    "greater_than_equal",
    "less_than",
    "less_than_equal",
    "too_long",
    "too_short",
}
"""Problems of values whose type is right."""

_T = TypeVar("_T", bound=Callable[..., Any])
_STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True)
_PLAIN = (bool, int, float, str, bytes, list, tuple, dict, type(None))
_CONTAINERS = (list, tuple, dict, Sequence, Mapping)
_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def checked(target: _T | None = None, *, prefix: str = "") -> Any:
    """Let a class or function refuse arguments that its annotations do not allow.

    Args:
        target: the class, dataclass or function.
        prefix: what comes before the parameter's name, and a dot, in the error's key.

    Raises:
        ConfigError: when it is called, with the parameter's name, the value and what is allowed.
    """
    if target is None:
        return functools.partial(checked, prefix=prefix)
    if inspect.isclass(target):
        target.__init__ = _wrapped(target.__init__, prefix)
        return target
    return _wrapped(target, prefix)


def allowed(problems: Iterable[Mapping[str, Any]]) -> str:
    """The end of "must be ..." for pydantic's problems with one value."""
    problems = list(problems)
    # A value of the right type but out of range: that other types would do is no help.
    out_of_range = [problem for problem in problems if problem["type"] in RANGE_ERRORS]
    return " or ".join(dict.fromkeys(_said(problem) for problem in out_of_range or problems))


def _said(problem: Mapping[str, Any]) -> str:
    limits = problem.get("ctx", {})
    if problem["type"] == "value_error":
        return str(limits["error"])
    if problem["type"] in ("list_type", "tuple_type"):
        return "a list"
    if problem["type"] == "too_short":
        return f"a list of at least {limits['min_length']}"
    if problem["type"] == "too_long":
        return f"a list of at most {limits['max_length']}"
    return problem["msg"].removeprefix("Input should be ").removeprefix("a valid ")


def _wrapped(function: Callable[..., Any], prefix: str) -> Callable[..., Any]:
    signature = inspect.signature(function)

    @functools.cache  # at the first call: annotations may name what is defined further down
    def adapters() -> dict[str, TypeAdapter]:
        hints = typing.get_type_hints(function, include_extras=True)
        return {
            name: _adapter(_instances(hints[name]))
            for name, parameter in signature.parameters.items()
            if name in hints and parameter.kind not in _OPEN
        }

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:
            return function(*args, **kwargs)  # which says what is missing or too much
        known = adapters()
        for name, value in given.items():
            if name in known and (problems := _problems(known[name], value)):
                raise ConfigError(f"{prefix}.{name}" if prefix else name, value, allowed(problems))
        return function(*args, **kwargs)

    return call


def _adapter(hint: Any) -> TypeAdapter:
    try:
        return TypeAdapter(hint, config=_STRICT)
    except PydanticUserError:  # an instance of a dataclass, which takes no settings
        return TypeAdapter(hint)


def _instances(hint: Any) -> Any:
    """The annotation, with classes that are no plain values replaced by instances of them."""
    origin = get_origin(hint)
    if origin is Annotated:
        return Annotated[(_instances(get_args(hint)[0]), *hint.__metadata__)]
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, map(_instances, get_args(hint)))
    if origin in _CONTAINERS:
        return types.GenericAlias(origin, tuple(_instances(of) for of in get_args(hint)))
    if hint is not Any and inspect.isclass(hint) and origin is None and hint not in _PLAIN:
        return InstanceOf[hint]
    return hint


def _problems(adapter: TypeAdapter, value: Any) -> list[Any]:
    if isinstance(value, numbers.Real) and not isinstance(value, int | float):  # of numpy
        value = int(value) if isinstance(value, numbers.Integral) else float(value)
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            try:  # strict JSON makes no difference between lists and tuples
                adapter.validate_json(json.dumps(list(value)))
            except ValidationError as second:
                return second.errors(include_url=False)
            except TypeError:
                return error.errors(include_url=False)
            return []
        return error.errors(include_url=False)
    return []
