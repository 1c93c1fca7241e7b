"""Runs of which the values of one parameter may be compared: alike in everything else.

The mean over all runs with a value is that over all other parameters only in a grid that is whole.
While it is not, a value may owe its mean to the company it was run in: larger networks with short
recordings alone, or with the easier of two splits.
"""

from __future__ import annotations

import pandas as pd

from snn.analysis.claims.balance import REPLICATE, balanced, replicate_names
from snn.analysis.study import Study

NOTE = (
    "The grid is not whole: of each parameter those runs are compared whose other parameters, and "
    "seed or split, were run with each of its values."
)


def matched(study: Study, key: str, column: str = "metric") -> pd.DataFrame:
    """The rows of a study's frame that may be averaged for each value of a parameter.

    All of a whole grid, of a search, and where no two values share anything.

    Args:
        study: whose runs.
        key: the parameter.
        column: what is averaged; runs without it do not count.
    """
    if study.is_full_factorial or study.is_search:
        return study.frame
    frame = study.frame.assign(**{REPLICATE: replicate_names(study)})
    part = balanced(frame, study.keys, key, column, most=True)
    return study.frame if part is None else study.frame.loc[part.rows]
