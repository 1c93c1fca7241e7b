"""The files that groups of a configuration are chosen from, the user's own among them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from snn.errors import ConfigError

# Groups of which several files can be chosen at once.
LISTS = ("augment", "callbacks", "logger", "energy")


class Choices:
    """What each group can be.

    Args:
        folders: where files lie; of two by the same name the first counts, as with Hydra.
        all_here: no others lie in packages, where only Hydra looks.
    """

    def __init__(self, folders: Sequence[Path], *, all_here: bool = True) -> None:
        self.folders, self.all_here = list(folders), all_here

    def of(self, group: str) -> list[str]:
        """Names of the files of a group; empty if there is no such group."""
        return sorted({file.stem for f in self.folders for file in (f / group).glob("*.yaml")})

    def check(self, groups: Sequence[Override]) -> None:
        """Refuse what is not the name of a file: Hydra says it less clearly, or not at all.

        Args:
            groups: the overrides of a command line that choose files.

        Raises:
            ConfigError: naming group, choice, and what there is to choose.
        """
        for override in groups:
            group, value = override.key_or_group, override.value()
            choices = self.of(group)
            if not choices or override.is_delete():
                continue
            several = group in LISTS and isinstance(value, list)
            names = value if several else [value]
            known = choices if several and self.all_here else names
            wrong = [n for n in names if not isinstance(n, str) or n not in known]
            if wrong:
                raise ConfigError(group, wrong[0], f"one of {', '.join(choices)}")
            if several:
                self._check_list(group, names)

    def _check_list(self, group: str, names: Sequence[str]) -> None:
        """Refuse files that make the same object, of which the last would count."""
        owners: dict[str, str] = {}
        for name in dict.fromkeys(names):
            for key, node in self._nodes_of(group, name).items():
                if not (OmegaConf.is_dict(node) and "_target_" in node):
                    continue  # it changes what another one makes
                if key in owners:
                    allowed = f"{owners[key]} or {name}, not both, as each makes {group}.{key}"
                    raise ConfigError(group, list(names), allowed)
                owners[key] = name

    @staticmethod
    def replaced(overrides: Sequence[Override]) -> list[str]:
        """What is said of choices that a later one replaces, where both could have been meant."""
        said, last = [], dict[str, str]()
        for override in overrides:
            group, value = override.key_or_group, override.value()
            if group not in LISTS or not isinstance(value, str):
                continue
            if last.setdefault(group, value) != value:
                both = f"{group}=[{last[group]},{value}]"
                said.append(f"{group}={value} replaces {group}={last[group]}; for both give {both}")
            last[group] = value
        return said

    def needed(self, key: str) -> str | None:
        """That a key belongs to a choice which was not made, as the end of "must be".

        Args:
            key: dotted, e.g. ``callbacks.average.decay``.
        """
        group, _, rest = key.partition(".")
        if group not in LISTS:
            return None
        name = rest.partition(".")[0]
        having = [f"{group}={c}" for c in self.of(group) if name in self._nodes_of(group, c)]
        return f"given with {' or '.join(having)}, which makes it" if having else None

    def with_default(self, group: str, name: str) -> list[str]:
        """The choices of a group that are built from a group of their own, ``group/name``."""

        def builds(choice: str) -> bool:
            defaults = self._file(group, choice).get("defaults") or []
            keys = (key for entry in defaults if OmegaConf.is_config(entry) for key in entry)
            return any(str(key).split("@")[0].removeprefix("override ") == name for key in keys)

        return [choice for choice in self.of(group) if builds(choice)]

    def _nodes_of(self, group: str, choice: str) -> dict[str, Any]:
        """What the file of a choice sets itself, not by those that it builds on."""
        found = self._file(group, choice)
        return {str(key): found._get_node(key) for key in found if key != "defaults"}

    def _file(self, group: str, choice: str) -> DictConfig:
        """A file's content; nothing of one that cannot be read, which Hydra refuses if it is
        chosen."""
        files = (folder / group / f"{choice}.yaml" for folder in self.folders)
        with contextlib.suppress(yaml.YAMLError):
            found = next((OmegaConf.load(file) for file in files if file.exists()), None)
            if isinstance(found, DictConfig):
                return found
        return OmegaConf.create({})

    def with_target(self, group: str, target: str) -> str | None:
        """The first choice whose file names a target."""
        having = (c for c in self.of(group) if self._file(group, c).get("_target_") == target)
        return next(having, None)
