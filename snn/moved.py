"""Modules that have moved: their old names go on to work.

Old code imports them, and configurations of old runs name objects in them. An old import gives the
very module that the new one gives, with a ``DeprecationWarning``.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "snn.augment": "snn.data.augment",
    "snn.callbacks": "snn.training.callbacks",
    "snn.encoding": "snn.events.encoding",
    "snn.functional": "snn.neurons",
    "snn.functional.encoder": "snn.neurons.current_encoder",
    "snn.heterogeneity": "snn.neurons.time_constants",
    "snn.kernels.cpu.ops": "snn.kernels.api",
    "snn.kernels.gpu.ops": "snn.kernels.api",
    "snn.kernels.ops": "snn.kernels.api",
    "snn.layers": "snn.network.layers",
    "snn.loggers": "snn.training.loggers",
    "snn.losses": "snn.training.losses",
    "snn.metrics": "snn.training.metrics",
    "snn.models": "snn.training.classifiers",
    "snn.module": "snn.training.module",
    "snn.schedulers": "snn.training.schedulers",
    "snn.surrogate": "snn.neurons.surrogate",
    "snn.training.plots": "snn.plots",
}
"""Old name -> new name; modules below them moved along."""

_BACK = {new: old for old, new in MOVED.items()}


def _renamed(name: str, names: dict[str, str]) -> str:
    """A dotted name with the longest of its beginnings that is in ``names`` exchanged."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        if (start := ".".join(parts[:n])) in names:
            return ".".join([names[start], *parts[n:]])
    return name


def current(name: str) -> str:
    """The name by which a module or an object in it is known today."""
    return _renamed(name, MOVED)


def original(name: str) -> str:
    """The name by which it was first known, which stands in the identity of a run."""
    return _renamed(name, _BACK)


class _Alias(Loader):
    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        # The import system hands out what stands here when this is done.
        sys.modules[module.__name__] = importlib.import_module(self.name)


class _Finder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        new = current(name)
        if new == name:
            return None
        warnings.warn(f"{name} has moved to {new}", DeprecationWarning, stacklevel=2)
        return ModuleSpec(name, _Alias(new))


def install() -> None:
    """Let the old names be imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
