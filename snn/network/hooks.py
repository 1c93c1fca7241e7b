"""Whether calling a module does more than its class says: what a kernel would bypass."""

from __future__ import annotations

from torch import nn
from torch.nn.modules import module as everywhere

_OF_A_MODULE = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)
_OF_ALL_MODULES = tuple(f"_global{name}" for name in _OF_A_MODULE)


def bypassed(module: nn.Module, kind: type[nn.Module]) -> str | None:
    """What would be lost if ``kind``'s computation were done without calling ``module``.

    Args:
        module: the module.
        kind: the class whose computation it should have.

    Returns:
        None if nothing would be lost; else what, as the end of a sentence: a subclass may override
        anything, a parametrization makes one, hooks belong to the module or to all modules.
    """
    if type(module) is not kind:
        return f"{type(module).__name__} is not exactly {kind.__name__}"
    own = module.__dict__
    for name in _OF_A_MODULE:
        if own.get(name):
            return f"{kind.__name__} has {name.strip('_').replace('_', ' ')}"
    if "forward" in own:
        return f"forward of a {kind.__name__} was replaced"
    for name in _OF_ALL_MODULES:
        if getattr(everywhere, name, None):
            return f"all modules have {name.removeprefix('_global_').replace('_', ' ')}"
    return None
