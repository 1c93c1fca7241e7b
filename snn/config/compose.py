"""Configurations from command lines: composed as Hydra does, with errors in the user's terms."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from snn.config.choices import Choices
from snn.config.hints import meaningless, unknown_key
from snn.config.identity import flatten
from snn.config.overrides import folders_of, parse
from snn.config.schema import UnknownKey, check
from snn.errors import ConfigError, SnnError, first_line

# Launchers that come with the extra ``cluster``.
FROM_PLUGINS = ("joblib", "submitit_local", "submitit_slurm")

# Groups whose files set keys of other groups.
PRESETS = ("experiment", "sweep")


def resolved(cfg: DictConfig) -> dict[str, Any]:
    """The configuration as plain containers, interpolations resolved.

    Raises:
        ConfigError: a value is missing or an interpolation has no target.
    """
    try:
        return OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = error.full_key or "configuration"
        raise ConfigError(key, None, f"given and resolvable ({first_line(error)})") from None


class Composer:
    """Composes and checks configurations, and says in the user's terms what is wrong with them.

    Hydra must be initialised. Points that differ in values only share the composition of their
    groups: composing anew costs a tenth of a second, setting values a few milliseconds.

    Args:
        config_dir: where the configuration files lie.
        config_name: the primary one.
        search: overrides of ``hydra.searchpath``, which say where else files lie.
    """

    def __init__(self, config_dir: Path, config_name: str, search: Sequence[str] = ()) -> None:
        self.config_name, self.search = config_name, list(search)
        in_packages = any("pkg://" in line for line in search)
        self.choices = Choices([config_dir, *folders_of(search)], all_here=not in_packages)
        self._composed: dict[tuple[str, ...], DictConfig] = {}
        self._rehearsed: set[str] = set()

    def checked(self, overrides: Sequence[str], *, here: bool) -> dict[str, Any]:
        """The resolved configuration of a run that could start.

        Args:
            overrides: its command line.
            here: it will be on this machine, so that its devices must exist here.

        Raises:
            SnnError: it is wrong; the message names the key.
        """
        config = resolved(self.compose(overrides))
        try:
            check(config)
            from snn.config.rehearsal import rehearse  # Lightning: not for a wrong value

            rehearse(config, here=here, done=self._rehearsed)
        except UnknownKey as error:
            raise self._of_old_choice(error, config, overrides) or error from None
        except ConfigError as error:
            raise self._with_choices(error) from None
        return config

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration of a single run.

        Raises:
            SnnError: a key or choice does not exist.
        """
        parsed = [o for o in parse(overrides) if not o.is_hydra_override()]
        groups = [o for o in parsed if self.is_group(o)]
        values = [o for o in parsed if not self.is_group(o)]
        self.choices.check(groups)
        key = tuple(str(o.input_line) for o in groups)
        try:
            if key not in self._composed:
                self._composed[key] = compose(self.config_name, [*self.search, *key])
            config = copy.deepcopy(self._composed[key])
            ConfigLoaderImpl._apply_overrides_to_config(values, config)
            return config
        except MissingConfigException as error:
            raise _no_such_choice(error) from None
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            found = self._of_another(groups, error) or self._unknown(overrides)
            raise found or SnnError(first_line(error)) from None
        except yaml.YAMLError as error:
            raise _unreadable(error) from None

    def settings(self, overrides: Sequence[str], mode: RunMode) -> DictConfig:
        """Hydra's own part of the configuration of a command line, as Hydra will compose it.

        Sweeps in the overrides are left out: they differ from point to point.

        Raises:
            SnnError: it cannot be composed.
        """
        parsed = [o for o in parse(overrides) if not o.is_sweep_override()]
        self.choices.check([o for o in parsed if self.is_group(o)])
        given = [str(o.input_line) for o in parsed]
        given += [line for line in self.search if line not in given]
        loader = GlobalHydra.instance().config_loader()
        try:
            return loader.load_configuration(self.config_name, given, run_mode=mode)
        except MissingConfigException as error:
            raise _no_such_choice(error) from None
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            swept = {o.key_or_group for o in parse(overrides) if o.is_sweep_override()}
            found = self._of_another(parsed, error) or self._unknown(given, swept)
            raise found or SnnError(first_line(error)) from None
        except yaml.YAMLError as error:
            raise _unreadable(error) from None

    def run_dir(self, overrides: Sequence[str]) -> Path:
        """Where Hydra would put a single run."""
        cfg = self.settings(overrides, RunMode.RUN)
        HydraConfig.instance().set_config(cfg)
        try:
            return Path(cfg.hydra.run.dir)
        finally:
            HydraConfig.instance().cfg = None

    def is_group(self, override: Override) -> bool:
        """Whether an override chooses a file, not a value."""
        if isinstance(override.value(), dict):
            return False  # a whole node given in place
        return override.package is not None or bool(self.choices.of(override.key_or_group))

    def _with_choices(self, error: ConfigError) -> ConfigError:
        """Where an object was wanted that a group offers, name the group's choices."""
        group = error.key.replace(".", "/")
        if isinstance(error.value, str) and "/" in group and self.choices.of(group):
            allowed = f"one of {', '.join(self.choices.of(group))}, as {group}=NAME"
            return ConfigError(error.key, error.value, allowed)
        return error

    def _of_old_choice(
        self, error: UnknownKey, config: Mapping[str, Any], overrides: Sequence[str]
    ) -> SnnError | None:
        """What to do about keys that were set for another target than the one that was chosen."""
        given = {o.key_or_group for o in parse(overrides)}
        node = error.node
        left_over = [name for name in error.names if f"{node}.{name}" not in given]
        group = node.replace(".", "/")
        if left_over and group in given:
            return self._of_preset(group, left_over, config, overrides)
        if f"{node}._target_" not in given or not left_over:
            return None
        values = OmegaConf.select(OmegaConf.create(config), node)
        target = values["_target_"]
        parameters = list(error.known.values())[1 if values.get("_partial_") else 0 :]
        needed = [
            p.name
            for p in parameters
            if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD and p.name not in values
        ]
        mend = [*(f"~{node}.{n}" for n in left_over), *(f"+{node}.{n}=..." for n in needed)]
        same = self.choices.with_target(group, target)
        instead = f", or {group}={same} instead" if same else ""
        return SnnError(
            f"{node}._target_={target}: does not know {', '.join(left_over)}, which the choice "
            f"before it sets; add {' '.join(mend)}{instead}"
        )

    def _of_preset(
        self,
        group: str,
        names: Sequence[str],
        config: Mapping[str, Any],
        overrides: Sequence[str],
    ) -> SnnError:
        """That keys of a node come from a preset that was made for another choice of its group.

        With the choice's own values of the keys that it does know, since they are the preset's too.
        """
        chosen = {o.key_or_group: o.value() for o in parse(overrides)}
        node = group.replace("/", ".")
        own = OmegaConf.select(self.compose([f"{group}={chosen[group]}"]), node)
        now = OmegaConf.select(OmegaConf.create(config), node)
        plain = {key: value for key, value in own.items() if not OmegaConf.is_config(value)}
        kept = [
            f"{node}.{key}={value}"
            for key, value in plain.items()
            if f"{node}.{key}" not in chosen and now.get(key) != value
        ]
        preset = next((f"{g}={chosen[g]}" for g in PRESETS if g in chosen), "another file")
        mend = " ".join(f"~{node}.{name}" for name in names)
        stay = (
            f"; what else it sets is the preset's unless you say {' '.join(kept)}" if kept else ""
        )
        return SnnError(
            f"{group}={chosen[group]}: does not know {', '.join(names)}, which {preset} sets for "
            f"another {group}; leave them out: {mend}{stay}"
        )

    def _of_another(self, groups: Sequence[Override], error: Exception) -> ConfigError | None:
        """A choice of a group that only some choices of the group above it are built from, if that
        is what Hydra cannot override."""
        for override in groups:
            group = override.key_or_group
            above, _, name = group.rpartition("/")
            if override.is_add() and f"Multiple values for {group}." in str(error):
                return ConfigError(f"+{group}", override.value(), f"given as {group}=, without +")
            if above and f"Could not override '{group}'" in str(error):
                having = [f"{above}={c}" for c in self.choices.with_default(above, name)]
                allowed = " or ".join(["left out", *(f"given with {c}" for c in having)])
                return ConfigError(group, override.value(), allowed)
        return None

    def _unknown(self, overrides: Sequence[str], swept: Collection[str] = ()) -> ConfigError | None:
        """The override whose key does not exist, if that is what is wrong.

        Args:
            overrides: without those of several values.
            swept: the keys of these.
        """
        parsed = parse(overrides)
        groups = [str(o.input_line) for o in parsed if self.choices.of(o.key_or_group)]
        groups = [line for line in groups if not line.startswith("hydra")]
        try:
            base = compose(self.config_name, [*self.search, *groups])
        except HydraException:
            return None
        known = [key for key, _ in flatten(OmegaConf.to_container(base))]
        parents = {key.rsplit(".", 1)[0] for key in known if "." in key}
        for override in parsed:
            key = override.key_or_group
            added = override.is_add() or override.is_force_add()  # of which Hydra takes any
            if added or self.is_group(override) or key.startswith("hydra"):
                continue
            if key not in known and key not in parents:
                target = OmegaConf.select(base, f"{key.rpartition('.')[0]}._target_")
                group, *rest = key.split(".")
                there = bool(rest) and OmegaConf.select(base, f"{group}.{rest[0]}") is not None
                why = meaningless(key, target) or (None if there else self.choices.needed(key))
                if why and group in swept:
                    why = f"given as ++{key}=..., since {group} is swept"
                if why:
                    return ConfigError(key, override.value(), why)
                return ConfigError(key, override.value(), unknown_key(key, known, parents))
        return None


def _no_such_choice(error: MissingConfigException) -> ConfigError:
    group, _, choice = (error.missing_cfg_file or "").rpartition("/")
    if group == "hydra/launcher" and choice in FROM_PLUGINS:
        return ConfigError(group, choice, "installed: pip install -e '.[cluster]'")
    allowed = f"one of {', '.join(error.options)}" if error.options else "a file in conf/"
    return ConfigError(group or "defaults", choice, allowed)


def _unreadable(error: yaml.YAMLError) -> SnnError:
    mark = getattr(error, "problem_mark", None)
    where = f"{mark.name}, line {mark.line + 1}" if mark else "a configuration file"
    return SnnError(f"{where}: cannot be read ({getattr(error, 'problem', None) or error})")
