"""What Hydra would compose for the points of a sweep, without composing each anew."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from snn.config.compose import Composer
from snn.config.overrides import parse

# Keys of Hydra's own that say where a point lies, and choose no file.
PLACE = ("hydra.sweep.dir", "hydra.sweep.subdir")


class Compositions:
    """Points that differ in values alone share a composition: that takes a tenth of a second.

    Args:
        loader: Hydra's.
        config: of the sweep as a whole, Hydra's part included.
        composer: knows which overrides choose files.
    """

    def __init__(self, loader: ConfigLoader, config: DictConfig, composer: Composer) -> None:
        self.loader, self.config, self.composer = loader, config, composer
        self._shared: dict[tuple[str, ...], DictConfig] = {}

    def of(self, line: Sequence[str]) -> DictConfig:
        """The configuration of a point, Hydra's part included: ``load_sweep_config`` of its line.

        Args:
            line: the point's overrides.
        """
        parsed = parse(line)
        values = [override for override in parsed if self._is_value(override)]
        choices = tuple(str(o.input_line) for o in parsed if not self._is_value(o))
        if choices not in self._shared:
            self._shared[choices] = self.loader.load_sweep_config(self.config, list(choices))
        composed = copy.deepcopy(self._shared[choices])
        ConfigLoaderImpl._apply_overrides_to_config(values, composed)
        tasks = [override for override in parsed if not override.is_hydra_override()]
        named = composed.hydra.job.config.override_dirname
        with open_dict(composed.hydra):
            composed.hydra.overrides.task = [o.input_line for o in tasks]
            composed.hydra.overrides.hydra += [
                o.input_line for o in values if o.is_hydra_override()
            ]
            composed.hydra.job.override_dirname = get_overrides_dirname(
                tasks, named.exclude_keys, named.item_sep, named.kv_sep
            )
        OmegaConf.copy_cache(from_config=self.config, to_config=composed)
        return composed

    def _is_value(self, override: Override) -> bool:
        if override.is_hydra_override():
            return override.key_or_group in PLACE
        return not self.composer.is_group(override)
