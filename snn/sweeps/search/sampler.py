"""Optuna's samplers and pruners, from their nodes of the configuration."""

from __future__ import annotations

import hashlib
import inspect
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.utils import get_object

from snn.config.make import make
from snn.errors import ConfigError, SnnError
from snn.sweeps.search.space import Space

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial


def seed_of(seed: int, number: int) -> int:
    """A seed for a trial: what is drawn for it depends on the trials before, not on the process.

    >>> seed_of(1, 0) != seed_of(1, 1)
    True
    """
    return int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()[:4], "big")


def make_sampler(
    node: Mapping[str, Any], space: Space, seed: int, number: int, limited: bool
) -> BaseSampler:
    """A sampler for one trial.

    Args:
        node: its configuration.
        space: what it draws from.
        seed: of the search.
        number: of the trial.
        limited: whether there are limits to keep.

    Raises:
        SnnError: it refuses its parameters.
    """
    from optuna.samplers import BaseSampler, RandomSampler

    target = get_object(node["_target_"])
    known = inspect.signature(target).parameters
    given: dict[str, Any] = {"seed": seed_of(seed, number)}
    if "search_space" in known:
        given = {"search_space": space.grid(), "seed": seed}
    elif "qmc_type" in known:
        # One sequence for all trials; those that it does not cover differ from each other.
        given = {"seed": seed, "independent_sampler": RandomSampler(seed_of(seed, number))}
    if limited and "constraints_func" in known and not _records_limits():
        given["constraints_func"] = _limits
    given = {key: value for key, value in given.items() if key in known}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is experimental in which version
        made = make(node, **given)
        made = made() if isinstance(made, partial) else made
    if not isinstance(made, BaseSampler):
        raise SnnError(f"search.sampler._target_={node['_target_']}: must be a sampler of Optuna")
    return made


def make_pruner(node: Mapping[str, Any] | None) -> BasePruner | None:
    """The pruner; None for none.

    Raises:
        SnnError: it refuses its parameters.
    """
    if not node:
        return None
    from optuna.pruners import BasePruner

    made = make(node)
    if not isinstance(made, BasePruner):
        raise SnnError(f"search.pruner._target_={node['_target_']}: must be a pruner of Optuna")
    return made


def _records_limits() -> bool:
    """Whether trials themselves take limits, as from Optuna 5 on."""
    from optuna.trial import Trial

    return hasattr(Trial, "set_constraint")


def _limits(trial: FrozenTrial) -> Sequence[float]:
    return tuple(trial.user_attrs.get("beyond", {}).values())


def grid(search_space: dict[str, Any], seed: int) -> Any:
    """Optuna's grid, of which a search takes care itself when it is at its end.

    Args:
        search_space: all values of each key.
        seed: of the order of its points.
    """
    from optuna.samplers import GridSampler

    class Grid(GridSampler):
        def after_trial(self, *arguments: Any) -> None:
            pass  # GridSampler stops a loop of Optuna's own, which there is none of

    return Grid(search_space, seed)


def check_numbers(group: str, node: Mapping[str, Any] | None) -> None:
    """Refuse a word for a number, which Optuna would only stumble over later.

    Args:
        group: ``sampler`` or ``pruner``.
        node: its configuration.

    Raises:
        ConfigError: a value is of another kind than the default of its parameter.
    """
    if not node:
        return
    known = inspect.signature(get_object(node["_target_"])).parameters
    for name, value in node.items():
        usual = known[name].default if name in known else None
        for kind, word in ((bool, "true or false"), (int, "a whole number")):
            if type(usual) is kind and type(value) is not kind:
                raise ConfigError(f"search.{group}.{name}", value, word)
