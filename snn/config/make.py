"""One object from one node of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from snn.errors import SnnError

REFUSALS = (MisconfigurationException, ModuleNotFoundError, ValueError, TypeError)
"""How constructors of other packages say that they do not like their arguments."""


def make(node: Mapping[str, Any], **given: Any) -> Any:
    """The object that a node of the configuration names by its ``_target_``.

    Raises:
        SnnError: the object refuses its parameters.
    """
    try:
        # Plain lists, not OmegaConf's: what an optimizer is given stands in checkpoints, which
        # are read without admitting other classes.
        return instantiate(node, **given, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, SnnError):
            raise cause from None
        if isinstance(cause, REFUSALS):
            raise SnnError(f"{node['_target_']}: {cause}") from None
        raise
