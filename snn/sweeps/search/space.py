"""What is searched: intervals, ranges and choices in Hydra's own syntax."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep

from snn.config.overrides import parse
from snn.errors import SnnError
from snn.runs.search_plan import Dimension

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

# What draws chance: one value of it for a whole search.
CHANCE = ("seed", "data.split_seed", "data.val_speakers")
OF_SWEEPS = ("sweep.", "search")  # keys that say how points are found, not what they are


@dataclass(frozen=True)
class Space:
    """The keys that are searched, and the overrides that all points share.

    Attributes:
        dimensions: ``{key: dimension}``, in the order of the command line.
        written: ``{key: the key as an override needs it}``, with its ``+``.
        fixed: overrides.
        search: overrides of the search itself.
    """

    dimensions: Mapping[str, Dimension]
    written: Mapping[str, str]
    fixed: tuple[str, ...]
    search: tuple[str, ...]

    def line(self, values: Mapping[str, Any]) -> list[str]:
        """The command line of a point."""
        return [*self.fixed, *(f"{self.written[k]}={_text(values[k])}" for k in self.dimensions)]

    def corners(self) -> list[list[str]]:
        """Command lines in which each end of an interval and each choice comes once."""
        ends = {key: _ends(d) for key, d in self.dimensions.items()}
        first = {key: values[0] for key, values in ends.items()}
        others = [first | {key: value} for key, values in ends.items() for value in values[1:]]
        return [self.line(values) for values in (first, *others)]

    def hint(self) -> str:
        """What else may be wrong where a corner is refused."""
        real = [k for k, d in self.dimensions.items() if d.is_drawn and not (d.whole or d.log)]
        round_ = [k for k in real if _is_round(self.dimensions[k])]
        return f"; for whole numbers: {round_[0]}=int(interval(...))" if round_ else ""

    def distributions(self) -> dict[str, BaseDistribution]:
        """The same in Optuna's terms."""
        from optuna import distributions as of

        found: dict[str, BaseDistribution] = {}
        for key, d in self.dimensions.items():
            if not d.is_drawn:
                found[key] = of.CategoricalDistribution(d.choices)
            elif d.whole:
                step = int(d.step or 1)
                found[key] = of.IntDistribution(int(d.low), int(d.high), log=d.log, step=step)
            else:
                found[key] = of.FloatDistribution(d.low, d.high, log=d.log, step=d.step)
        return found

    def grid(self) -> dict[str, list[Any]]:
        """All values of each key.

        Raises:
            SnnError: a key has no end of them.
        """
        values = {}
        for key, d in self.dimensions.items():
            if d.is_drawn and d.step is None and not (d.whole and not d.log):
                raise SnnError(
                    f"search/sampler=grid: {key} is an interval; give values, or a range(...)"
                )
            values[key] = list(d.choices) or _steps(d)
        return values


def make_space(arguments: Sequence[str], params: Mapping[str, Any]) -> Space:
    """Sort the overrides of a search.

    Args:
        arguments: of the command line; win over ``params``.
        params: ``{key: values}`` that the configuration asks to be swept.

    Raises:
        SnnError: an override cannot be searched, or none can.
    """
    given = {override.key_or_group for override in parse(arguments)}
    defaults = [f"{key}={values}" for key, values in params.items() if key not in given]
    dimensions: dict[str, Dimension] = {}
    written, fixed, search = {}, [], []
    for override in parse([*defaults, *arguments]):
        key = override.key_or_group
        if override.is_hydra_override():
            continue
        if key.startswith(OF_SWEEPS):
            (search if key.startswith("search") else fixed).append(str(override.input_line))
            continue
        if override.is_sweep_override():
            if key in CHANCE:
                raise SnnError(
                    f"{override.input_line}: a search has one value of it; to repeat the search, "
                    "give search.seed and a hydra.sweep.dir of its own, to repeat its best "
                    "points, train them by their commands"
                )
            if override.package is not None:
                key = f"{key}@{override.package}"
            dimensions[key] = _dimension(override)
            written[key] = override.get_key_element()
        else:
            fixed.append(str(override.input_line))
    if not dimensions:
        raise SnnError(
            "search: nothing to search; give an interval, a range or several values, such as "
            "'model.nb_hidden=int(interval(50,400))' or optimizer=adam,sgd"
        )
    return Space(dimensions, written, tuple(fixed), tuple(search))


def _dimension(override: Override) -> Dimension:
    value, line = override.value(), override.input_line
    if isinstance(value, IntervalSweep):
        whole = isinstance(value.start, int) and isinstance(value.end, int)
        low, high = value.start, value.end
        if not low < high or not math.isfinite(low) or not math.isfinite(high):
            raise SnnError(f"{line}: an interval goes from a smaller number to a larger one")
        return _logarithmic(Dimension(low, high, whole), value.tags, line)
    if isinstance(value, RangeSweep):
        return _range(value, line)
    assert isinstance(value, ChoiceSweep)
    if any(isinstance(each, IntervalSweep | RangeSweep | ChoiceSweep) for each in value.list):
        raise SnnError(f"{line}: values or one interval, not both")
    choices = tuple(dict.fromkeys(override.sweep_string_iterator()))
    return Dimension(choices=choices)


def _range(value: RangeSweep, line: str) -> Dimension:
    """Evenly spaced numbers that keep their order, unlike choices."""
    numbers = list(value.range())
    if len(numbers) < 2 or value.step <= 0:
        raise SnnError(f"{line}: a range to search has at least two numbers and goes upwards")
    whole = all(isinstance(number, int) for number in numbers)
    step = value.step if whole else float(value.step)
    dimension = Dimension(numbers[0], numbers[-1], whole, step=step)
    if "log" in value.tags:
        raise SnnError(f"{line}: a range has even steps; tag(log,int(interval(...))) has none")
    return dimension


def _logarithmic(dimension: Dimension, tags: set[str], line: str) -> Dimension:
    if unknown := sorted(tags - {"log"}):
        raise SnnError(f"{line}: unknown tag {unknown[0]}; an interval knows log")
    if "log" not in tags:
        return dimension
    if dimension.low <= 0:
        raise SnnError(f"{line}: a logarithmic scale begins above 0")
    return Dimension(dimension.low, dimension.high, dimension.whole, log=True)


def _ends(dimension: Dimension) -> list[Any]:
    return [dimension.low, dimension.high] if dimension.is_drawn else list(dimension.choices)


def _steps(dimension: Dimension) -> list[Any]:
    step = dimension.step or 1
    count = round((dimension.high - dimension.low) / step) + 1
    return [dimension.low + i * step for i in range(count)]


def _is_round(dimension: Dimension) -> bool:
    return float(dimension.low).is_integer() and float(dimension.high).is_integer()


def _text(value: Any) -> str:
    """A value as an override gives it; a number with all its digits."""
    return value if isinstance(value, str) else repr(value)
