"""Several points of a sweep in one process, for a GPU that one of them leaves mostly idle.

They are runs as any others, with locks, records and checkpoints of their own; their training steps
meet (:mod:`snn.training.company`). A point that fails is gone, and the others go on. What ends the
process interrupts all of them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from snn.config.identity import flatten
from snn.errors import SnnError
from snn.runs.status import Interrupted, handled_signals
from snn.sweeps.job import Job, Running, set_up_logs, told, trained
from snn.sweeps.points import Point
from snn.sweeps.process import die_with_parent, process_context
from snn.sweeps.slots import own_gpu

log = logging.getLogger(__name__)

# What points must have in common to share a process: what they read (the batches' sizes follow from
# it), what they do to the process, and what decides the shapes of their networks.
SHARED = ("augment", "data", "threads", "trainer")
# Which samples come when, and for how long.
NOT_SHARED = ("data.seed", "data.split_seed", "trainer.max_epochs", "trainer.min_epochs")
# Numbers of a model that are sizes; all its others may differ.
SIZES = ("nb_hidden", "encoder_copies", "delays.most")
# With these a point is the only one of its process. Gradients that are summed over batches are
# scaled, which several networks would do after their step instead of within it; the others are
# states of the whole process.
ALONE = {"accumulate_grad_batches": (None, 1), "detect_anomaly": (None, False), "profiler": (None,)}
ALONE_LOGGER = "wandb"


def shared_part(config: Mapping[str, Any]) -> str:
    """A text that is the same of points that can share a process.

    Of the model, numbers may differ and whatever else it says may not; of a dropout, whether there
    is one. This decides who gains from company, and nothing else: whether networks fit together is
    found out at each step, and those that do not take theirs by themselves.
    """
    model = {}
    for key, value in flatten(config["model"]):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if key == "dropout":
            model[key] = bool(value)
        elif key in SIZES or not (number or value is None):
            model[key] = value
    rest = {section: config.get(section) for section in SHARED}
    leaves = {k: v for k, v in flatten(rest) if k not in NOT_SHARED}
    return json.dumps([model, leaves], sort_keys=True)


def must_be_alone(config: Mapping[str, Any]) -> bool:
    """Whether a point cannot share its process."""
    trainer = config["trainer"]
    targets = (str((node or {}).get("_target_")) for node in (config.get("logger") or {}).values())
    return any(trainer.get(key) not in usual for key, usual in ALONE.items()) or any(
        ALONE_LOGGER in target.lower() for target in targets
    )


def grouped(points: Sequence[Point], most: int, alone: Collection[str] = ()) -> list[list[Point]]:
    """Points that are to share a process, in the order of the first of each.

    Args:
        points: to be started.
        most: how many may share one.
        alone: names of points that get one of their own: they were started before, and whatever
            ended that may have been their doing.
    """
    groups: list[list[Point]] = []
    open_groups: dict[str, list[Point]] = {}
    for point in points:
        if most == 1 or point.name in alone or must_be_alone(point.config):
            groups.append([point])
            continue
        part = shared_part(point.config)
        group = open_groups.get(part)
        if group is None or len(group) == most:
            group = open_groups[part] = []
            groups.append(group)
        group.append(point)
    return groups


def start_together(jobs: Sequence[Job]) -> list[Running]:
    """Train points in one new process."""
    context = process_context()
    pipes = [context.Pipe(duplex=False) for _ in jobs]
    senders = [sender for _, sender in pipes]
    process = context.Process(target=_work, args=(list(jobs), senders))
    process.start()
    for sender in senders:
        sender.close()
    return [
        Running(job, process, receiver, shared=True)
        for job, (receiver, _) in zip(jobs, pipes, strict=True)
    ]


def _work(jobs: Sequence[Job], senders: Sequence[Connection]) -> None:
    """All of the process."""
    from snn.training import joint  # torch: not for a process that only starts others
    from snn.training.company import Company

    die_with_parent()
    set_up_logs(jobs[0])
    works = [_of_run(*both, len(jobs)) for both in zip(jobs, senders, strict=True)]
    try:
        with own_gpu(jobs[0].config):
            run_to_end(Company(works, joint.take))
    except SnnError as error:  # no slot of a GPU can be had
        log.error("%s", error)
        for sender in senders:
            with suppress(OSError):  # of a run that has ended
                sender.send(("failed", str(error)))


def _of_run(job: Job, sender: Connection, count: int) -> Callable[[], None]:
    def run() -> None:
        set_up_logs(job)
        log.info("one of %d runs of this process", count)
        # One that is interrupted has recorded that, and has nobody to tell.
        with sender, suppress(Interrupted):
            sender.send(told(lambda: trained(job)))

    return run


def run_to_end(company: Any) -> None:
    """Let all runs of a :class:`snn.training.company.Company` end, also when a signal wants it.

    Raises:
        Interrupted: it did; every run has met this and recorded it.
    """
    received: list[int] = []

    def stop(signum: int) -> None:
        # Nothing is raised here: the runs end by themselves, and are waited for.
        received.append(signum)
        company.stop(lambda: Interrupted(received[0]))

    with handled_signals(stop):
        company.run()
    if received:
        raise Interrupted(received[0])
