"""What all runs of a study share: what was held fixed, and what they ran on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from snn.analysis.study import Study
from snn.analysis.tables import Table
from snn.analysis.values import label, ordered
from snn.config.identity import flatten, task_config
from snn.errors import SnnError
from snn.places import config_dir

MOST_LISTED = 8  # values of one key, where runs differ


def fixed_table(study: Study) -> Table:
    """Data, epochs, seeds, and every key that was not swept and differs from the default."""
    table = Table("fixed", "What was held fixed", ["key", "value", "default"], words=3)
    table.rows += [["data", study.data, ""]]
    samples = [(s, study.samples(s)) for s in ("train", "val", "test")]
    said = ", ".join(f"{n} {split}" for split, n in samples if n is not None)
    if said:
        table.rows.append(["samples", said, ""])
    default = default_config(study.data)
    usual = default or {}
    for key, name in (("trainer.max_epochs", "epochs"), ("seed", "seeds")):
        if key in study.keys:
            continue
        values = _values(run.config.get(key) for run in study.runs)
        table.rows.append([name, values, label(usual[key]) if key in usual else ""])
    moving = {*study.keys, *study.axes.repeats, *study.axes.following, "seed", "trainer.max_epochs"}
    if default is None:
        rows = [[key, text, ""] for key, text in study.axes.common.items() if key not in moving]
        table.note = "Keys given on all command lines; the program's defaults were not found."
    else:
        rows = _unusual(study, default, moving)
        table.note = (
            f"Below the seeds: every key that was not swept and differs from the default of "
            f"data={study.data}."
            if rows
            else f"All other keys have the default values of data={study.data}."
        )
    table.rows += rows
    return table


def _unusual(study: Study, default: Mapping[str, Any], moving: set[str]) -> list[list[str]]:
    """Keys that all runs share and the default does not: key, value, default."""
    first, rows = study.runs[0].config, []
    for key in sorted(first):
        values = {label(run.config.get(key)) for run in study.runs}
        if key in moving or len(values) != 1 or key == "data.seed":
            continue
        (value,) = values
        usual = label(default.get(key))
        if value != usual:
            rows.append([key, value, usual if key in default else "(not there)"])
    return rows


@lru_cache(maxsize=8)
def default_config(data: str) -> Mapping[str, Any] | None:
    """The flat configuration of a run of which only the data set was chosen, if it is known."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        folder = config_dir()
    except SnnError:
        return None
    if not (folder / "data" / f"{data}.yaml").exists():
        return None
    try:
        with initialize_config_dir(str(folder), version_base="1.3", job_name="train"):
            config = OmegaConf.to_container(compose("train", [f"data={data}"]), resolve=True)
    except (HydraException, OmegaConfBaseException):
        return None
    return dict(flatten(task_config(config)))


def hardware_table(study: Study) -> Table:
    """On what the runs were computed, and by which program."""
    table = Table("hardware", "What it ran on", ["", "recorded"], words=2)
    results = [run.result for run in study.runs]
    named = {
        "device": "device",
        "CPU threads": "threads",
        "computed by (backend)": "backend",
        "revision": "git_revision",
        **{key: f"versions.{key}" for key in ("snn", "python", "torch", "pytorch-lightning")},
    }
    for name, key in named.items():
        if any(result.get(key) is not None for result in results):
            table.rows.append([name, _values(result.get(key) for result in results)])
    hosts = [run.status.get("host") for run in study.runs if run.status.get("host")]
    if hosts:
        table.rows.append(["machine", _values(hosts)])
    ends = sorted(str(result["end"]) for result in results if result.get("end"))
    if ends:
        span = ends[0] if ends[0] == ends[-1] else f"{ends[0]} to {ends[-1]}"
        table.rows.append(["ended", span])
    return table


def _values(found: Iterable[Any]) -> str:
    values = ordered(label(value) for value in found)
    left = len(values) - MOST_LISTED
    return ", ".join(values[:MOST_LISTED]) + (f", and {left} more" if left > 0 else "")
