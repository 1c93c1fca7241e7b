"""Where the best value of a parameter lies on the edge of a grid: the thesis's ``+`` and ``-``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from snn.analysis.recommend import next_value, recommend
from snn.analysis.records import read_records
from snn.analysis.study import make_study
from snn.analysis.thesis import THESIS
from snn.runs.edge import Edge


def edges(directory: Path, names: Collection[str]) -> list[Edge]:
    """The edges that some completed runs of a sweep show; none of several data sets.

    Args:
        directory: the sweep's.
        names: of the runs' directories.
    """
    runs = [run for run in read_records(directory).of_state("completed") if run.name in names]
    data = {run.data for run in runs}
    if len(data) != 1:
        return []
    study = make_study(data.pop(), runs)
    smallest = THESIS[study.data].smallest if study.data in THESIS else {}
    found = []
    for choice in recommend(study):
        if choice.mark:
            key = choice.axis.key
            value = next_value(choice.axis, choice.mark, smallest.get(key, 0.0))
            found.append(Edge(key, choice.level, choice.mark, value, choice.lead))
    return found
