"""In the process of a trial's run: each epoch's value is told, and whether to stop is asked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from snn.sweeps.search.objectives import chosen
from snn.sweeps.search.sampler import make_pruner
from snn.sweeps.search.storage import need_optuna, open_storage
from snn.sweeps.search.trials import PRUNED_AFTER

log = logging.getLogger(__name__)


class Judge:
    """Decides after each epoch of a trial whether it is worth going on.

    A decision is written down with the trial before anything follows from it, so that a run killed
    in between stops at the same epoch.

    Args:
        directory: the sweep's.
        search: the configuration's ``search``; its ``trial`` is ``STUDY/NUMBER``.
    """

    def __init__(self, directory: Path, search: Mapping[str, Any]) -> None:
        need_optuna()
        import optuna

        name, _, number = search["trial"].rpartition("/")
        (self.objective,) = chosen(search["objectives"]).values()
        study = optuna.load_study(
            study_name=name,
            storage=open_storage(directory, search["storage"]),
            sampler=optuna.samplers.RandomSampler(),  # nothing is drawn here
            pruner=make_pruner(search["pruner"]),
        )
        stored = study.get_trials(deepcopy=False)[int(number)]
        self.known = dict(stored.intermediate_values)
        self.decided: int | None = stored.user_attrs.get(PRUNED_AFTER)
        self.trial = optuna.trial.Trial(study, stored._trial_id)

    def __call__(self, epoch: int, metrics: Mapping[str, float]) -> bool:
        """Whether to stop after an epoch, counted from 1."""
        if self.decided is not None:
            return epoch >= self.decided
        value = metrics.get(self.objective.monitor)
        if value is None or not isfinite(value):
            return False
        try:
            if epoch not in self.known:  # a repeated epoch gives the same again
                self.trial.report(value, epoch)
                self.known[epoch] = value
            if self.trial.should_prune():
                self.trial.set_user_attr(PRUNED_AFTER, epoch)
                self.decided = epoch
        except Exception as error:  # a study out of reach must not cost the training
            log.warning("the study cannot be asked whether to go on: %s", error)
            return False
        return self.decided is not None


def judge_of(config: Mapping[str, Any], run: Path) -> Judge | None:
    """The judge of a run, if it is a trial's of a search that prunes."""
    search = config.get("search")
    return Judge(run.parent, search) if search and search["trial"] and search["pruner"] else None
