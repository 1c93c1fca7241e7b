"""The trials of one study, shared by all processes that work on it.

A trial is a worker's while it holds the trial's lock, which the operating system frees when the
worker ends, however that happens: a trial in work whose lock is free is anybody's to go on with.
Trials are made and told under a lock of the study, so that there are never too many, and each is
told once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from snn.sweeps.search.objectives import Objective, excess, measured
from snn.sweeps.search.storage import LOCKS, open_storage

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

log = logging.getLogger(__name__)

# What is noted of a trial beside Optuna's own: the run's directory, the trial that it tries again,
# the epoch after which it was stopped, why it failed.
RUN, RETRY_OF, PRUNED_AFTER, ERROR = "run", "retry_of", "pruned_after", "error"


@dataclass(frozen=True, eq=False)
class Claim:
    """A trial that this process works on.

    Attributes:
        number: of the trial.
        params: what was drawn.
        pruned: whether it was stopped early under an earlier worker.
        lock: held until it is told, or left to others.
    """

    number: int
    params: Mapping[str, Any]
    pruned: bool
    lock: FileLock


class Trials:
    """Claims trials and tells what became of them.

    Args:
        directory: the sweep's.
        storage: ``journal`` or ``sqlite``.
        name: of the study.
        objectives: ``{name: objective}``.
        limits: ``{name: limit}``.
        distributions: ``{key: distribution}``.
        sampler: makes one for the trial of a number.
        pruner: stops trials in the processes that train them; here it tells which of them a
            sampler shall learn from.
        most: trials in all.
    """

    def __init__(
        self,
        directory: Path,
        storage: str,
        name: str,
        objectives: Mapping[str, Objective],
        limits: Mapping[str, float],
        distributions: Mapping[str, BaseDistribution],
        sampler: Callable[[int], BaseSampler],
        pruner: BasePruner | None,
        most: int,
    ) -> None:
        import optuna

        self.folder, self.name = directory / LOCKS, name
        self.objectives, self.limits = objectives, limits
        self.distributions, self.sampler, self.most = dict(distributions), sampler, most
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / "study.lock")
        with self._lock:
            self.study: Study = optuna.create_study(
                storage=open_storage(directory, storage),
                sampler=optuna.samplers.RandomSampler(),
                pruner=pruner or optuna.pruners.NopPruner(),
                study_name=name,
                directions=[o.direction for o in objectives.values()],
                load_if_exists=True,
            )
            self.study.set_metric_names(list(objectives))
        # Those that failed under an earlier command are tried again, once, as points of a grid are.
        self._to_retry = [t.number for t in self._of("FAIL") if not self._retried(t.number)]
        self._left: set[int] = set()

    def all(self) -> list[FrozenTrial]:
        """All trials as they are now; of those that were tried again, the latest alone."""
        trials = self.study.get_trials(deepcopy=False)
        again = {t.user_attrs.get(RETRY_OF) for t in trials}
        return [t for t in trials if t.number not in again]

    def _of(self, *states: str) -> list[FrozenTrial]:
        return [t for t in self.study.get_trials(deepcopy=False) if t.state.name in states]

    def _retried(self, number: int) -> bool:
        return any(t.user_attrs.get(RETRY_OF) == number for t in self.study.get_trials(False))

    def claim(self, most: int) -> list[Claim]:
        """Up to so many trials to work on: those that nobody works on any more, then new ones."""
        claims = []
        with self._lock:
            for trial in self._of("RUNNING"):
                if len(claims) < most and trial.number not in self._left:
                    claims += self._claimed(trial.number)
            while len(claims) < most and (number := self._next()) is not None:
                claims += self._claimed(number)
        return claims

    def others(self) -> list[int]:
        """Numbers of trials in work elsewhere."""
        return [t.number for t in self._of("RUNNING") if t.number not in self._left]

    def _claimed(self, number: int) -> list[Claim]:
        lock = FileLock(self.folder / f"{self.name}-{number}.lock", is_singleton=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return []
        trial = self._drawn(number)
        pruned = PRUNED_AFTER in trial.user_attrs
        return [Claim(number, dict(trial.params), pruned, lock)]

    def _next(self) -> int | None:
        """Make the next trial; its number, None if there are enough."""
        trials = self.study.get_trials(deepcopy=False)
        if not any(t.state.name == "WAITING" for t in trials):
            again = next((n for n in self._to_retry if not self._retried(n)), None)
            if again is not None:
                self.study.enqueue_trial(trials[again].params, user_attrs={RETRY_OF: again})
            elif sum(RETRY_OF not in t.user_attrs for t in trials) >= self.most:
                return None
        self.study.sampler = self.sampler(len(trials))
        return self.study.ask().number

    def _drawn(self, number: int) -> Trial:
        """A trial with a value of every key, also if its worker was killed while it drew.

        The sampler is that of the trial's number: it draws the same again.
        """
        import optuna

        stored = self.study.get_trials(deepcopy=False)[number]
        sampler = self.study.sampler = self.sampler(number)
        trial = optuna.trial.Trial(self.study, stored._trial_id)
        if set(self.distributions) <= set(stored.params):
            return trial
        for key, distribution in self.distributions.items():
            if key in stored.params and key not in trial.relative_params:
                sampler.sample_independent(self.study, stored, key, distribution)
            _suggest(trial, key, distribution)
        return trial

    def note(self, claim: Claim, **attributes: Any) -> None:
        """Write something down with a trial."""
        trial = self._trial(claim)
        for key, value in attributes.items():
            if trial.user_attrs.get(key) != value:
                trial.set_user_attr(key, value)

    def _trial(self, claim: Claim) -> Trial:
        import optuna

        stored = self.study.get_trials(deepcopy=False)[claim.number]
        self.study.sampler = self.sampler(claim.number)
        return optuna.trial.Trial(self.study, stored._trial_id)

    def complete(self, claim: Claim, result: Mapping[str, Any]) -> None:
        """Tell what a trial's run reached."""
        values = measured(result)
        wanted = [*self.objectives, *self.limits]
        if missing := [name for name in wanted if name not in values]:
            self.fail(claim, f"the run's record has no finite {missing[0]}")
            return
        beyond = excess(values, self.limits)
        with self._telling(claim) as open_:
            if open_:
                self.note(claim, **values, **({"beyond": beyond} if beyond else {}))
                trial = self._trial(claim)
                if hasattr(trial, "set_constraint"):
                    for name in beyond.keys() - trial.constraints.keys():
                        trial.set_constraint(name, beyond[name])
                self._tell(claim, "COMPLETE", [values[name] for name in self.objectives])

    def prune(self, claim: Claim) -> None:
        """Tell that a trial was stopped early; its last value counts."""
        with self._telling(claim) as open_:
            if open_:
                self._tell(claim, "PRUNED")

    def fail(self, claim: Claim, reason: str) -> None:
        """Tell that a trial failed."""
        with self._telling(claim) as open_:
            if open_:
                self.note(claim, **{ERROR: reason})
                self._tell(claim, "FAIL")

    def leave(self, claim: Claim) -> None:
        """Leave a trial in work as it is, for another command to go on with."""
        self._left.add(claim.number)
        claim.lock.release()

    @contextmanager
    def _telling(self, claim: Claim) -> Iterator[bool]:
        with self._lock:
            stored = self.study.get_trials(deepcopy=False)[claim.number]
            yield not stored.state.is_finished()
        claim.lock.release()

    def _tell(self, claim: Claim, state: str, values: Sequence[float] | None = None) -> None:
        from optuna.trial import TrialState

        self.study.sampler = self.sampler(claim.number)
        self.study.tell(claim.number, values, TrialState[state])


def _suggest(trial: Trial, key: str, distribution: BaseDistribution) -> None:
    from optuna import distributions as of

    if isinstance(distribution, of.CategoricalDistribution):
        trial.suggest_categorical(key, distribution.choices)
        return
    d = distribution
    suggest = trial.suggest_int if isinstance(d, of.IntDistribution) else trial.suggest_float
    suggest(key, d.low, d.high, step=d.step, log=d.log)
