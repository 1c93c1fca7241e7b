"""The measures of a grid's runs, ready to be compared value by value."""

from __future__ import annotations

import numpy as np
import pandas as pd

from snn.analysis.claims.balance import REPLICATE, Balanced, replicate_names, sample_overlap
from snn.analysis.claims.estimate import LevelMeans, counted
from snn.analysis.collapse import find_collapsed
from snn.analysis.costs import number_of
from snn.analysis.study import Study
from snn.analysis.thesis import THESIS

RAN_ON = ("device", "threads", "backend")


class Bench:
    """A row per run of a study, with its replicate and its measures.

    Args:
        study: whose grid.
        held_out: ``test`` or ``val``, what held-out accuracy is that of.

    Attributes:
        frame: the level of each parameter, the replicate, ``train`` and ``held_out`` accuracy (of
            the final weights: the thesis kept no others; 0..1), ``seconds`` of training as their
            natural logarithm, ``ran_on``, and whether the run ``collapsed``.
    """

    def __init__(self, study: Study, held_out: str) -> None:
        self.study, self.held_out = study, held_out
        frame = study.frame[study.keys].copy()
        frame[REPLICATE] = replicate_names(study)
        results = [run.result for run in study.runs]
        for name, split in (("train", "train"), ("held_out", held_out)):
            key = f"metrics.final.{split}.accuracy"
            frame[name] = [number_of(result.get(key)) for result in results]
        seconds = pd.Series([number_of(r.get("fit_seconds")) for r in results], frame.index)
        frame["seconds"] = np.log(seconds.where(seconds > 0))
        frame["ran_on"] = [str([r.get(key) for key in RAN_ON]) for r in results]
        frame["ran_on"] += [str(run.status.get("host")) for run in study.runs]
        collapse = find_collapsed(study)
        frame["collapsed"] = False if collapse is None else collapse.mask.to_numpy()
        self.frame = frame

    @property
    def of_thesis(self) -> pd.DataFrame:
        """``frame`` without values that the thesis did not have, where all of its own were run."""
        frame, thesis = self.frame, THESIS.get(self.study.data)
        for key, values in thesis.grid.items() if thesis else ():
            if key in self.study.keys:
                codes = [self.code(key, value) for value in values]
                frame = frame if None in codes else frame[frame[key].isin(codes)]
        return frame

    def overlap(self, by: str) -> float:
        """Of the samples of replicates, see :class:`LevelMeans`.

        For training accuracy, held out is whatever was not trained on.
        """
        if by == "seconds":
            return 0.0
        splits = ("val", "test") if by == "train" else (self.held_out,)
        return sample_overlap(self.study, splits)

    def least(self, by: str, runs: int) -> float:
        """Variance of a mean over runs whose accuracies are counted in whole samples."""
        n = self.study.samples("train" if by == "train" else self.held_out)
        return 0.0 if by == "seconds" or n is None else counted(n) / runs

    def means(self, by: str, key: str, part: Balanced) -> LevelMeans:
        """The means of a balanced part, with what is known of their error."""
        fallen = self.frame.groupby(key)["collapsed"].all()
        return LevelMeans(
            part.means,
            self.overlap(by),
            self.least(by, part.values.shape[2]),
            tuple(i for i, level in enumerate(part.levels) if not fallen[level]),
        )

    def code(self, key: str, value: str) -> int | None:
        """Position of a value among a parameter's levels; None if it was not run."""
        levels = self.study.axis(key).levels
        return levels.index(value) if value in levels else None
