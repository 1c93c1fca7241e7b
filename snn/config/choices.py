"""The files that groups of a configuration are chosen from, the user's own among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from snn.errors import ConfigError

# Groups of which several files can be chosen at once.
LISTS = ("augment", "callbacks", "logger", "energy")


class Choices:
    """What each group can be.

    Args:
        folders: where files lie; of two by the same name the first counts, as with Hydra.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = list(folders)

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
            wrong = [n for n in names if not isinstance(n, str) or (several and n not in choices)]
            if wrong:
                raise ConfigError(group, wrong[0], f"one of {', '.join(choices)}")
            if group in LISTS:
                self._check_list(group, [o.value() for o in groups if o.key_or_group == group])

    def _check_list(self, group: str, given: Sequence[Any]) -> None:
        """Refuse what would only count in part: several choices that are not written as a list, and
        files that set the same."""
        names = [n for value in given for n in (value if isinstance(value, list) else [value])]
        distinct = list(dict.fromkeys(map(str, names)))
        if len(given) > 1 and len(distinct) > 1:
            allowed = f"given once; several at once: {group}=[{','.join(distinct)}]"
            raise ConfigError(group, given[-1], allowed)
        owners: dict[str, str] = {}
        for name in distinct:
            for key in self._keys_of(group, name):
                if key in owners:
                    allowed = f"{owners[key]} or {name}: both set {group}.{key}"
                    raise ConfigError(group, names, allowed)
                owners[key] = name

    def needed(self, key: str) -> str | None:
        """That a key belongs to a choice which was not made, as the end of "must be".

        Args:
            key: dotted, e.g. ``callbacks.average.decay``.
        """
        group, _, rest = key.partition(".")
        if group not in LISTS:
            return None
        name = rest.partition(".")[0]
        having = [f"{group}={c}" for c in self.of(group) if name in self._keys_of(group, c)]
        return f"given with {' or '.join(having)}, which makes it" if having else None

    def with_default(self, group: str, name: str) -> list[str]:
        """The choices of a group that are built from a group of their own, ``group/name``."""

        def builds(choice: str) -> bool:
            defaults = self._file(group, choice).get("defaults") or []
            keys = (key for entry in defaults if OmegaConf.is_config(entry) for key in entry)
            return any(str(key).split("@")[0].removeprefix("override ") == name for key in keys)

        return [choice for choice in self.of(group) if builds(choice)]

    def _keys_of(self, group: str, choice: str) -> list[str]:
        """What the file of a choice sets itself, not by those that it builds on."""
        return [str(key) for key in self._file(group, choice) if key != "defaults"]

    def _file(self, group: str, choice: str) -> Mapping[str, Any]:
        files = (folder / group / f"{choice}.yaml" for folder in self.folders)
        return next((OmegaConf.load(file) for file in files if file.exists()), {})

    def with_target(self, group: str, target: str) -> str | None:
        """The first choice whose file names a target."""
        having = (c for c in self.of(group) if self._file(group, c).get("_target_") == target)
        return next(having, None)
