"""What the command line does around Hydra: checks first, readable errors, exit codes.

Exit codes: 0 done, 1 the run failed, 2 the configuration is wrong, 128 + n stopped by signal n.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snn.build import rehearse
from snn.errors import ConfigError, DataError, SnnError
from snn.runs.directory import RunDirectory
from snn.runs.identity import flatten
from snn.runs.status import Interrupted
from snn.schema import check, unknown_key

FAILED, WRONG_CONFIG = 1, 2


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


class Refused(BaseException):
    """A user's error on its way past Hydra, which would dress it up as a crash."""

    def __init__(self, error: SnnError) -> None:
        self.error = error
        super().__init__(str(error))


def run_cli(main: Callable[[], Any], arguments: Sequence[str], config_dir: Path) -> int:
    """Check the command line, run Hydra's ``main``, and say in one line what a user can mend.

    Returns:
        The process's exit code.
    """
    full = os.environ.get("HYDRA_FULL_ERROR", "0") not in ("", "0")
    try:
        preflight(arguments, config_dir, "train")
        main()
    except (SnnError, Refused) as stop:
        if full:
            raise
        print(f"error: {stop}", file=sys.stderr)
        cause = stop.error if isinstance(stop, Refused) else stop
        return FAILED if isinstance(cause, DataError) else WRONG_CONFIG
    except (Interrupted, KeyboardInterrupt) as stop:
        signum = getattr(stop, "signum", signal.SIGINT)
        print(f"error: interrupted by {signal.Signals(signum).name}", file=sys.stderr)
        return 128 + signum
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
        return  # Hydra answers, or reads other files, which are checked when the run starts
    multirun = args.multirun or "hydra.mode=MULTIRUN" in args.overrides
    composer = _Composer(config_dir, config_name)
    with initialize_config_dir(str(config_dir), version_base="1.3", job_name="train"):
        if not multirun:
            _check_run(composer, args.overrides)
            return
        points = _expand(args.overrides)
        for number, overrides in enumerate(points):
            try:
                _check_point(composer, overrides, here=False)
            except SnnError as error:
                if len(points) == 1:
                    raise
                listed = " ".join(overrides)
                raise SnnError(f"point {number} of {len(points)} ({listed}): {error}") from None


def _check_run(composer: _Composer, overrides: Sequence[str]) -> None:
    """Check a single run, and its directory before Hydra writes there."""
    config = _check_point(composer, overrides, here=True)
    directory = RunDirectory(composer.run_dir(overrides))
    directory.check_usable()
    directory.checkpoint_for(config["ckpt_path"], config)


def _check_point(composer: _Composer, overrides: Sequence[str], *, here: bool) -> dict[str, Any]:
    config = resolved(composer.compose(overrides))
    try:
        check(config)
        rehearse(config, here=here)
    except ConfigError as error:
        raise composer.with_choices(error) from None
    return config


def _expand(overrides: Sequence[str]) -> list[list[str]]:
    """The command lines of all points of a multirun."""
    parsed = [o for o in _parse(overrides) if o.key_or_group != "hydra.mode"]
    if any(o.key_or_group == "hydra/sweeper" for o in parsed):
        # Another sweeper chooses its points as it goes; what it is not to choose can be checked.
        parsed = [o for o in parsed if not o.is_sweep_override()]
    return BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]


class _Composer:
    """Composes configurations, and says in the user's terms why one cannot be composed."""

    def __init__(self, config_dir: Path, config_name: str) -> None:
        self.config_dir, self.config_name = config_dir, config_name

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration of a single run."""
        for override in _parse(overrides):
            group, value = override.key_or_group, override.value()
            choices = self.choices(group)
            if choices and not override.is_delete() and not isinstance(value, str | dict):
                raise ConfigError(group, value, f"one of {', '.join(choices)}")
        try:
            return compose(self.config_name, list(overrides))
        except MissingConfigException as error:
            group, _, choice = (error.missing_cfg_file or "").rpartition("/")
            if not error.options:
                allowed = "the name of a file in conf/"
                raise ConfigError(group or "defaults", choice, allowed) from None
            raise ConfigError(group, choice, f"one of {', '.join(error.options)}") from None
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise self._unknown(overrides) or SnnError(_first_line(error)) from None

    def run_dir(self, overrides: Sequence[str]) -> Path:
        """Where Hydra would put the run."""
        cfg = compose(self.config_name, list(overrides), return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        try:
            return Path(cfg.hydra.run.dir)
        finally:
            HydraConfig.instance().cfg = None

    def choices(self, group: str) -> list[str]:
        """Names of the files of a group; empty if there is no such group."""
        return sorted(file.stem for file in (self.config_dir / group).glob("*.yaml"))

    def with_choices(self, error: ConfigError) -> ConfigError:
        """Where an object was wanted that a group offers, name the group's choices."""
        group = error.key.replace(".", "/")
        if isinstance(error.value, str) and "/" in group and self.choices(group):
            allowed = f"one of {', '.join(self.choices(group))}, as {group}=NAME"
            return ConfigError(error.key, error.value, allowed)
        return error

    def _unknown(self, overrides: Sequence[str]) -> ConfigError | None:
        """The override whose key does not exist, if that is what is wrong."""
        parsed = _parse(overrides)
        groups = [o.input_line for o in parsed if self.choices(o.key_or_group)]
        try:
            base = compose(self.config_name, groups)
        except HydraException:
            return None
        known = [key for key, _ in flatten(OmegaConf.to_container(base))]
        parents = {key.rsplit(".", 1)[0] for key in known if "." in key}
        for override in parsed:
            key = override.key_or_group
            if not key.startswith("hydra") and key not in known and key not in parents:
                return ConfigError(key, override.value(), unknown_key(key, known))
        return None


def _parse(overrides: Sequence[str]) -> list[Override]:
    try:
        return OverridesParser.create().parse_overrides(list(overrides))
    except OverrideParseException as error:
        allowed = f"key=value ({_first_line(error)})"
        raise ConfigError("command line", error.override, allowed) from None


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
