"""Networks with and without spikes side by side: accuracy, time, energy, operations."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from snn.analysis.costs import energy_source
from snn.analysis.records import Run
from snn.analysis.study import Study
from snn.analysis.tables import Table, brief, percent, significant, with_spread
from snn.analysis.values import label, ordered
from snn.energy.operations import CRITICISM, PAYS_BELOW

NOT_SPIKING = "snn.training.rnn.rnn"
NOTHING = "none"


def kind_of(run: Run) -> str:
    """The network in a word or two: ``recurrent_lif``, ``SEAdLIF``, ``rnn tanh``."""
    target = str(run.config.get("model._target_", "unknown"))
    if target == NOT_SPIKING:
        return f"rnn {run.config.get('model.cell', 'tanh')}"
    neuron = run.config.get("model.neuron._target_")
    return str(neuron or target).rsplit(".", 1)[-1]


def is_spiking(run: Run) -> bool:
    return run.config.get("model._target_") != NOT_SPIKING


COMPARED = "kinds_"  # how the tables' files begin


def has_both(study: Study) -> bool:
    """Whether there is anything to compare."""
    return len({is_spiking(run) for run in study.runs}) == 2


def kinds_tables(study: Study) -> list[Table]:
    """For each size a table: a column for each kind of network, of its best point."""
    found = _best_points(study)
    tables = []
    for size in dict.fromkeys(size for size, _ in found):
        columns = [_column(study, best) for of_size, best in found if of_size == size]
        name = COMPARED + re.sub(r"\W+", "_", size).strip("_")
        heads = ["", *(kind_of(study.runs[best.index[0]]) for s, best in found if s == size)]
        table = Table(name, f"With and without spikes: {size} hidden neurons", heads)
        table.rows = [
            [title, *(column[title] for column in columns)]
            for title in columns[0]
            if any(column[title] != "-" for column in columns)
        ]
        tables.append(table)
    return tables


def _best_points(study: Study) -> list[tuple[str, pd.DataFrame]]:
    """``(size, rows of the study's frame)`` of the best point of each size and kind."""
    frame = study.frame.assign(
        kind=[kind_of(run) for run in study.runs],
        size=[label(run.config.get("model.nb_hidden")) for run in study.runs],
        without=[not is_spiking(run) for run in study.runs],
    )
    found = []
    for size in ordered(frame["size"]):
        of_size = frame[frame["size"] == size].dropna(subset="metric")
        for _, kind in sorted(set(zip(of_size["without"], of_size["kind"], strict=True))):
            some = of_size[of_size["kind"] == kind]
            points = [group for _, group in some.groupby(study.keys)] if study.keys else [some]
            best = max(points, key=lambda p: (p["metric"].mean(), p["tie"].mean()))
            found.append((size, best))
    return found


def _column(study: Study, best: pd.DataFrame) -> dict[str, str]:
    """``{title: text}`` of a point."""
    runs, metric = [study.runs[i] for i in best.index], study.metric
    mean, sd = best.mean(numeric_only=True), best.std(numeric_only=True)
    spiking, rate = is_spiking(runs[0]), spike_rate(runs[0], mean["spikes"])
    values = {
        "point": study.describe(best.iloc[0]),
        "runs": str(len(runs)),
        "parameters": label(runs[0].result.get("nb_parameters", "-")),
        metric.title + metric.unit: with_spread(mean["value"], sd["value"], metric.factor),
        "training time (s)": with_spread(mean["seconds"], sd["seconds"], 1, 1),
        "computed by": str(runs[0].result.get("backend") or "PyTorch's operators"),
        "training energy (J)": _energy(runs, mean["joules"]),
        "energy per inference (mJ)": _energy(runs, 1e3 * mean["joules_per_sample"]),
        "spikes per sample": brief(mean["spikes"]) if spiking else NOTHING,
        "spikes per neuron and step (%)": percent(rate) if spiking else NOTHING,
        "MACs per sample": _whole(mean["macs"]),
        "ACs per sample": _whole(mean["acs"]),
        "their energy (nJ), estimated": significant(1e9 * mean["arithmetic"]),
    }
    return values


def _energy(runs: Sequence[Run], value: float) -> str:
    return f"{significant(value)}, {energy_source(runs)}" if value == value else NOTHING


def _whole(value: float) -> str:
    return "-" if value != value else f"{value:,.0f}"


def spike_rate(run: Run, spikes: float) -> float:
    """Spikes per hidden neuron and step; NaN where the sizes are not known."""
    sizes = run.config.get("model.nb_hidden")
    units = sum(sizes) if isinstance(sizes, list) else sizes
    steps = run.result.get("data.nb_steps", run.config.get("data.nb_steps"))
    known = all(isinstance(n, int) and n > 0 for n in (units, steps))
    return spikes / (units * steps) if known else np.nan


def comparison(study: Study) -> list[str]:
    """How to read the tables, and what each spiking network's rate means, in sentences."""
    said = [
        f"Of each size and kind of network, the point that is best by {study.metric.title}. Time "
        "and energy of training and inference are those of the programs that ran here, compiled "
        "kernels for spikes and PyTorch's operators without; energy of MACs and ACs is that of a "
        "chip that does nothing else.",
        CRITICISM,
    ]
    for size, best in _best_points(study):
        run = study.runs[best.index[0]]
        rate = spike_rate(run, best["spikes"].mean())
        if is_spiking(run) and rate == rate:
            side = "below" if rate < PAYS_BELOW else "not below"
            said.append(
                f"{kind_of(run)} with {size} hidden neurons: {percent(rate)} % spikes per neuron "
                f"and step, {side} those {PAYS_BELOW:.0%}."
            )
    return said
