"""Brings a search to its end: draws points, has them trained as a grid's are, tells what came."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from snn.config.identity import config_hash
from snn.config.schema import check_search
from snn.errors import ConfigError, RunError, SnnError, SweepError
from snn.runs.search_plan import SearchPlan, write_search
from snn.runs.state import Found, State
from snn.runs.status import recorded
from snn.runs.sweep_plan import DRIVER, write_plan
from snn.sweeps.points import Point, make_points
from snn.sweeps.search.listing import print_end, print_plan
from snn.sweeps.search.objectives import OBJECTIVES, check_limits, check_validated, chosen
from snn.sweeps.search.sampler import check_numbers, make_pruner, make_sampler
from snn.sweeps.search.space import Space, make_space
from snn.sweeps.search.storage import need_optuna
from snn.sweeps.search.trials import RUN, Claim, Trials
from snn.sweeps.setting import Setting, save_multirun
from snn.sweeps.sweeper import LOOK_SECONDS, Sweep, redo_points

log = logging.getLogger(__name__)

NAME_DIGITS = 8


def search(setting: Setting, arguments: Sequence[str], params: Mapping[str, Any]) -> None:
    """Check everything, draw and train until there are enough trials, say what was found.

    Args:
        setting: of the multirun.
        arguments: task overrides of the command line.
        params: what the configuration asks to be swept.

    Raises:
        SnnError: something is wrong, or a trial did not complete.
    """
    need_optuna()
    options = OmegaConf.to_container(setting.config.search, resolve=True)
    check_search(options)
    if setting.config.sweep.extend:
        raise SnnError("sweep.extend: is for grids; a search goes on in a narrower or wider space")
    if (most := setting.config.sweep.get("together", 1)) > 1:
        allowed = "1 in a search, whose trials are drawn one after another"
        raise ConfigError("sweep.together", most, allowed)
    if setting.config.sweep.redo == "all":
        raise ConfigError("sweep.redo", "all", "true or false in a search")
    space = make_space(arguments, params)
    found = Search(setting, options, space)
    if setting.config.sweep.dry_run:
        print_plan(setting.console, found.plan, setting.directory)
        return
    trials = found.run()
    print_end(setting.console, found.plan, trials, setting.directory)
    save_multirun(setting)
    failed = [t for t in trials.all() if t.state.name not in ("COMPLETE", "PRUNED")]
    if failed:
        raise SweepError(f"{len(failed)} of {len(trials.all())} trials are not completed")


class Search:
    """A search whose options and corners are checked.

    Args:
        setting: of the multirun.
        options: the configuration's ``search``.
        space: what is searched.

    Raises:
        SnnError: an option or a corner of the space is wrong.
    """

    def __init__(self, setting: Setting, options: Mapping[str, Any], space: Space) -> None:
        self.setting, self.options, self.space = setting, options, space
        self.objectives = chosen(options["objectives"])
        self.limits = check_limits(options["limits"])
        for group in ("sampler", "pruner"):
            check_numbers(group, options[group])
        self.pruner = make_pruner(options["pruner"])
        if self.pruner is not None:
            _check_prunable(list(self.objectives))
        self._sampler(0)
        most = options["n_trials"]
        if options["sampler"]["_target_"].endswith(".grid"):
            cells = 1
            for values in space.grid().values():
                cells *= len(values)
            most = min(most, cells)
        lines = space.corners()
        corners = []
        for line in lines:
            try:
                corners.append(setting.composer.checked(line, here=False))
            except SnnError as error:
                drawn = " ".join(word for word in line if word not in space.fixed)
                raise SnnError(f"a corner of the search ({drawn}): {error}{space.hint()}") from None
        wanted = [*self.objectives, *self.limits]
        check_validated(corners[0], wanted)
        if corners[0]["ckpt_path"] is not None:
            raise ConfigError("ckpt_path", corners[0]["ckpt_path"], "null in a search")
        about = {
            "sampler": options["sampler"],
            "pruner": options["pruner"] or None,
            "seed": options["seed"],
            "limits": self.limits,
        }
        self.plan = SearchPlan(
            name=self._name(config_hash(corners[0]), about),
            space=space.dimensions,
            objectives=tuple(self.objectives),
            n_trials=most,
            search=space.search,
            fixed=space.fixed,
            about={**about, "storage": options["storage"], "written": dict(space.written)},
        )
        self.points: dict[int, Point] = {}

    def _name(self, task: str, about: Mapping[str, Any]) -> str:
        """The study's name: the same search has the same, whatever number of trials it asks for."""
        whole = [task, {k: vars(d) for k, d in self.space.dimensions.items()}, about]
        whole.append(list(self.objectives))
        digest = hashlib.sha256(json.dumps(whole, sort_keys=True, default=list).encode())
        choices = self.setting.config.hydra.runtime.choices
        sampler = choices.get("search/sampler") or "search"
        return f"{sampler}-{digest.hexdigest()[:NAME_DIGITS]}"

    def _sampler(self, number: int) -> Any:
        node, seed = self.options["sampler"], self.options["seed"]
        return make_sampler(node, self.space, seed, number, bool(self.limits))

    def run(self) -> Trials:
        """Work until there are enough trials, and none is in work.

        Raises:
            RunError: the directory cannot be used.
        """
        directory = self.setting.directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{directory}: cannot be used for a search ({error})") from None
        with recorded(directory / DRIVER, {}):
            trials = Trials(
                directory,
                self.options["storage"],
                self.plan.name,
                self.objectives,
                self.limits,
                self.space.distributions(),
                self._sampler,
                self.pruner,
                self.plan.n_trials,
            )
            write_search(directory, self.plan)
            done = Counter(t.state.name.lower() for t in trials.all())
            said = ", ".join(f"{count} {state}" for state, count in done.items()) or "new"
            log.info(
                "%s: study %s, %d trials: %s", directory, self.plan.name, self.plan.n_trials, said
            )
            self._work(trials)
        return trials

    def _work(self, trials: Trials) -> None:
        waiting = False
        while True:
            claims = trials.claim(self.setting.at_once)
            if claims:
                waiting = False
                self._bring(trials, claims)
            elif others := trials.others():
                # Whoever works on them may die, and leave them to this process.
                if not waiting:
                    log.info("waiting for %d trials that other processes train", len(others))
                waiting = True
                time.sleep(LOOK_SECONDS)
            else:
                return

    def _bring(self, trials: Trials, claims: Sequence[Claim]) -> None:
        """Have the runs of some trials trained, and tell what became of each."""
        directory = self.setting.directory
        point_of: dict[Claim, Point] = {}
        named: dict[str, Point] = {}  # two trials may draw the same point
        for claim in claims:
            try:
                point = self._point(claim)
            except SnnError as error:
                log.error("trial %d: %s", claim.number, error)
                trials.fail(claim, str(error))
                continue
            point_of[claim] = named.setdefault(point.name, point)
            trials.note(claim, **{RUN: point.name})
        self._write_plan(trials)
        job_of = {p.name: f"{self.plan.name}/{claim.number}" for claim, p in point_of.items()}

        def more(point: Point) -> list[str]:
            if self.pruner is None:
                return []  # the run need not know of the search
            return [*self.space.search, f"search.trial={job_of[point.name]}"]

        def launch(some: Sequence[Point]) -> list[Exception | None]:
            return self.setting.launch(some, more)

        work = Sweep(list(named.values()), directory, launch, jobs=self.setting.jobs)
        found = work.look()
        # A trial that was stopped, and whose worker was killed before it could say so.
        stopped = {c for c, p in point_of.items() if c.pruned and found[p].state is State.PRUNED}
        work.points = [p for p in work.points if p not in {point_of[c] for c in stopped}]
        redo_points(self.setting.config.sweep.redo, found, directory)
        work.finish()
        found |= work.look()
        failures = work.failures(found)
        for claim, point in point_of.items():
            self._tell(trials, claim, found[point], failures.get(point))

    def _tell(self, trials: Trials, claim: Claim, found: Found, failure: Found | None) -> None:
        if found.state is State.COMPLETED:
            trials.complete(claim, found.result)
        elif found.state is State.PRUNED:
            trials.prune(claim)
        elif found.state in (State.FAILED, State.NEW):
            trials.fail(claim, failure.reason if failure else "")
        else:  # interrupted twice, or refused: its directory may be mended
            log.warning("trial %d: %s: %s", claim.number, found.state, found.reason)
            trials.leave(claim)

    def _point(self, claim: Claim) -> Point:
        line = self.space.line(claim.params)
        (point,) = make_points(
            self.setting.composer, [line], self.setting.directory, list(self.space.dimensions)
        )
        return point

    def _write_plan(self, trials: Trials) -> None:
        lines = {
            t.user_attrs[RUN]: self.space.line(t.params)
            for t in trials.all()
            if RUN in t.user_attrs
        }
        doubles = sum(RUN in t.user_attrs for t in trials.all()) - len(lines)
        try:
            total = self.plan.n_trials - doubles
            write_plan(self.setting.directory, lines.items(), sys.argv, total)
        except RunError as error:
            log.warning("%s", error)  # no reason to lose a trial


def _check_prunable(names: Sequence[str]) -> None:
    prunable = [name for name, objective in OBJECTIVES.items() if objective.monitor]
    if len(names) > 1 or names[0] not in prunable:
        raise SnnError(
            f"search/pruner: trials are stopped by the epochs' {' or '.join(prunable)}, as the "
            f"only objective, not by {', '.join(names)}; give search/pruner=none"
        )
