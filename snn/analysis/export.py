"""``results.csv`` and ``results.parquet``: a row per run, whatever its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from snn.analysis.costs import spikes
from snn.analysis.records import Records
from snn.analysis.statistics import wilson
from snn.analysis.study import Study
from snn.analysis.values import label
from snn.files import whole_file

HEAD = ("run", "data", "state", "seed", "config_hash")
NOT_LISTED = ("schema_version", "seed", "config_hash")


def results_frame(records: Records, studies: Sequence[Study]) -> pd.DataFrame:
    """Identity, axes of all data sets, every plain entry of ``result.json``, and the error.

    Axes are named by their configuration keys; what a run does not have is empty.
    """
    keys = list(dict.fromkeys(key for study in studies for key in study.keys))
    grouped = {
        run.name: {key: values[i] for key, values in study.axes.values.items()}
        for study in studies
        for i, run in enumerate(study.runs)
    }
    rows = []
    for run in records.runs:
        entries = {k: v for k, v in run.result.items() if k not in NOT_LISTED}
        seed = run.result.get("seed", run.config.get("seed"))
        known = run.result.get("config_hash") or run.status.get("config_hash")
        row: dict[str, Any] = dict(
            zip(HEAD, (run.name, run.data, run.state, seed, known), strict=True)
        )
        for key in keys:
            value = run.config.get(key, grouped.get(run.name, {}).get(key))
            row[key] = label(value) if isinstance(value, list | dict) else value
        row |= {k: v for k, v in entries.items() if not isinstance(v, list | dict)}
        if run.state == "completed":
            row["spikes_per_sample"] = spikes(run, "final")
        row["error"] = run.error or None
        rows.append(row | _intervals(run.result))
    frame = pd.DataFrame(rows)
    return frame[[c for c in frame if c != "error"] + (["error"] if "error" in frame else [])]


def _intervals(result: Mapping[str, Any]) -> dict[str, float]:
    """Wilson's 95 % interval of each accuracy: ``<key>.low`` and ``<key>.high``."""
    found = {}
    for key, value in result.items():
        if not key.startswith("metrics.") or not key.endswith(".accuracy") or value is None:
            continue
        samples = result.get(f"data.{key.split('.')[2]}_samples")
        if isinstance(samples, int) and samples > 0 and 0 <= value <= 1:
            found[f"{key}.low"], found[f"{key}.high"] = wilson(value, samples)
    return found


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write all of a table or nothing."""
    with whole_file(path, newline="") as file:
        frame.to_csv(file, index=False)


def write_results(frame: pd.DataFrame, folder: Path) -> None:
    """Write both files; columns of mixed types become text in the second, which needs one type."""
    write_csv(frame, folder / "results.csv")
    typed = frame.copy()
    for column in typed.columns:
        kinds = {type(value) for value in typed[column].dropna()}
        if typed[column].dtype == object and kinds <= {int, float}:
            typed[column] = pd.to_numeric(typed[column])
        elif len(kinds) > 1:
            typed[column] = typed[column].map(label, na_action="ignore").astype("string")
    with whole_file(folder / "results.parquet", "wb") as file:
        typed.to_parquet(file, index=False)
