"""What the command line does around Hydra: checks first, readable errors, exit codes.

Exit codes: 0 done, 1 the run failed, 2 the configuration is wrong, 128 + n stopped by signal n.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snn.build import draft
from snn.errors import ConfigError, SnnError
from snn.runs.identity import flatten
from snn.runs.status import Interrupted
from snn.schema import check, unknown_key

CONFIG_EXIT = 2


def resolved(cfg: DictConfig) -> dict[str, Any]:
    """The configuration as plain containers, interpolations resolved.

    Raises:
        ConfigError: a value is missing or an interpolation has no target.
    """
    try:
        return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = error.full_key or "configuration"
        raise ConfigError(key, None, f"given and resolvable ({_first_line(error)})") from None


def run_cli(main: Callable[[], Any], arguments: Sequence[str], config_dir: Path) -> int:
    """Check the command line, run Hydra's ``main``, and say in one line what a user can mend.

    Returns:
        The process's exit code.
    """
    full = os.environ.get("HYDRA_FULL_ERROR", "0") not in ("", "0")
    try:
        preflight(arguments, config_dir, "train")
    except SnnError as error:
        if full:
            raise
        print(f"error: {error}", file=sys.stderr)
        return CONFIG_EXIT
    try:
        main()
    except Interrupted as stop:
        print(f"error: {stop}", file=sys.stderr)
        return 128 + stop.signum
    return 0


def preflight(arguments: Sequence[str], config_dir: Path, config_name: str) -> None:
    """Compose and check every point that a command line asks for, before anything is loaded.

    Raises:
        SnnError: a point is wrong; the message names the key, and the point if there are many.
    """
    args = get_args_parser().parse_args(list(arguments))
    asks_for_text = args.help or args.hydra_help or args.cfg or args.info
    elsewhere = args.config_dir or args.config_path or args.config_name
    if asks_for_text or args.shell_completion or elsewhere:
        return  # Hydra answers, or reads another configuration, which it checks by itself
    with initialize_config_dir(str(config_dir), version_base="1.3", job_name="train"):
        if not args.multirun:
            _check_point(config_name, args.overrides)
            return
        points = _expand(args.overrides)
        for number, overrides in enumerate(points):
            try:
                _check_point(config_name, overrides)
            except SnnError as error:
                if len(points) == 1:
                    raise
                listed = " ".join(overrides)
                raise SnnError(f"point {number} of {len(points)} ({listed}): {error}") from None


def _check_point(config_name: str, overrides: Sequence[str]) -> None:
    config = resolved(_compose(config_name, overrides))
    check(config)
    draft(config)


def _expand(overrides: Sequence[str]) -> list[list[str]]:
    """The command lines of all points of a multirun."""
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except OverrideParseException as error:
        raise _not_an_override(error) from None
    return BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]


def _compose(config_name: str, overrides: Sequence[str]) -> DictConfig:
    try:
        return compose(config_name, list(overrides))
    except OverrideParseException as error:
        raise _not_an_override(error) from None
    except MissingConfigException as error:
        group, _, choice = (error.missing_cfg_file or "").rpartition("/")
        if not error.options:
            raise ConfigError(group or "defaults", choice, "the name of a file in conf/") from None
        raise ConfigError(group, choice, f"one of {', '.join(error.options)}") from None
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise _wrong_override(config_name, overrides) or SnnError(_first_line(error)) from None


def _wrong_override(config_name: str, overrides: Sequence[str]) -> ConfigError | None:
    """The override whose key does not exist, if that is what is wrong."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    groups = [o for o in parsed if "." not in o.key_or_group and isinstance(o.value(), str)]
    try:
        base = compose(config_name, [o.input_line for o in groups])
    except HydraException:
        return None
    known = [key for key, _ in flatten(OmegaConf.to_container(base))]
    parents = {key.rsplit(".", 1)[0] for key in known if "." in key}
    for override in parsed:
        key = override.key_or_group
        if key in base and override.value() is None and isinstance(base[key], DictConfig):
            return ConfigError(key, None, "the name of a file in conf/" + key)
        if not key.startswith("hydra.") and key not in known and key not in parents:
            return ConfigError(key, override.value(), unknown_key(key, known))
    return None


def _not_an_override(error: OverrideParseException) -> ConfigError:
    return ConfigError("command line", error.override, f"key=value ({_first_line(error)})")


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
