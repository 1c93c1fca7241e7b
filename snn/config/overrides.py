"""Overrides of a command line: parsed, and those that say where else configuration files lie.

That is ``hydra.searchpath``, which ``--config-dir`` stands for. Records of runs keep it beside the
overrides of the task, since without it a run's command would not find what it was composed of.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import OverrideParseException
from omegaconf import DictConfig

from snn.errors import ConfigError, first_line

SEARCH_PATH = "hydra.searchpath"


def parse(overrides: Sequence[str]) -> list[Override]:
    """Parsed overrides; where Hydra is initialised, globs of group choices work too.

    Raises:
        ConfigError: one of them cannot be parsed.
    """
    loader = GlobalHydra.instance().config_loader() if GlobalHydra().is_initialized() else None
    try:
        return OverridesParser.create(loader).parse_overrides(list(overrides))
    except OverrideParseException as error:
        allowed = f"key=value ({first_line(error)})"
        raise ConfigError("command line", error.override, allowed) from None


def searched(overrides: Sequence[str]) -> list[str]:
    """The overrides that say where else configuration files lie."""
    return [line for line in overrides if line.lstrip("+").startswith(f"{SEARCH_PATH}=")]


def folders_of(search: Sequence[str]) -> list[Path]:
    """The folders that overrides of ``hydra.searchpath`` name."""
    values = [override.value() for override in parse(search)]
    paths = [str(path) for value in values if isinstance(value, list) for path in value]
    return [Path(path.removeprefix("file://")) for path in paths if "pkg://" not in path]


def search_path(folders: Sequence[str]) -> list[str]:
    """The override that names places such as ``file:///lab/conf``; no override for none."""
    escaped = [folder.replace("'", r"\'") for folder in folders]
    listed = ",".join(f"'{folder}'" for folder in escaped)
    return [f"{SEARCH_PATH}=[{listed}]"] if folders else []


def search_path_of(settings: DictConfig) -> list[str]:
    """The same of the places that a command was composed from beside the package's own.

    Args:
        settings: Hydra's part of the configuration.
    """
    others = ("command-line", SEARCH_PATH)
    sources = [s for s in settings.runtime.config_sources if s.provider.startswith(others)]
    return search_path(
        [
            f"{s.schema}://{Path(s.path).absolute() if s.schema == 'file' else s.path}"
            for s in sources
        ]
    )
