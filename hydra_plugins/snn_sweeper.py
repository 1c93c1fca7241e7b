"""The sweeper behind ``python train.py -m``. Hydra looks for its plugins in this package only.

Hydra's own sweeper stops at the first failure that it learns of and knows nothing of earlier
commands; this one leaves out what is completed and lists everything that failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SnnSweeper(Sweeper):
    """Expands a grid, or draws points in a search, and brings each to its end.

    Args:
        params: ``{key: values}`` to sweep over, e.g. ``model.nb_hidden: 50,100,150``; a key that
            the command line sets is taken from there.
    """

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        self.params = params or {}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context, self.config = hydra_context, config
        self.task_function = task_function

    def sweep(self, arguments: list[str]) -> Sequence[Any]:
        # Hydra imports this file at every start, also of --help and of jobs.
        from snn.sweeps.hydra import sweep

        def edges(*arguments: Any) -> Sequence[Any]:
            from snn.analysis.edges import edges  # pandas: not for a grid that stays as it is

            return edges(*arguments)

        sweep(
            self.config,
            self.hydra_context,
            self.task_function,
            arguments,
            {str(key): value for key, value in self.params.items()},
            edges,
        )
        return []
