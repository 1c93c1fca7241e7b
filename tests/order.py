"""The order of tests: long ones first, and shared out before the short ones are.

pytest-xdist's ``worksteal`` gives each worker a piece of the list and lets those that are done take
from the ends of the others' pieces. So each piece begins with its share of the long tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def arranged(
    items: Sequence[T], seconds: Callable[[T], float], group: Callable[[T], str], workers: int
) -> list[T]:
    """The items in the order in which they are to be handed out.

    Args:
        items: as collected.
        seconds: how long one takes; 0 if not worth a thought.
        group: those of one group that take long stay together: they share what was set up.
        workers: pieces that the list is going to be cut into.
    """
    groups: dict[str, list[T]] = defaultdict(list)
    for item in items:
        if seconds(item):
            groups[group(item)].append(item)
    pieces: list[list[T]] = [[] for _ in range(workers)]
    loads = [0.0] * workers
    for members in sorted(groups.values(), key=lambda g: -sum(map(seconds, g))):
        least = loads.index(min(loads))
        pieces[least] += sorted(members, key=seconds, reverse=True)
        loads[least] += sum(map(seconds, members))
    short = iter([item for item in items if not seconds(item)])
    size = -(-len(items) // workers)
    for piece in pieces:
        piece += islice(short, max(0, size - len(piece)))
    return [item for piece in pieces for item in piece] + list(short)
