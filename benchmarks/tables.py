"""Tables in Markdown, one function each."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.floor import floor
from benchmarks.timing import OURS, best_library, interleaved, steps_of
from benchmarks.workloads import Problem, Workload


def _row(cells: list[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _head(cells: list[str]) -> list[str]:
    return [_row(cells), "|" + "---|" * len(cells)]


def _firing(problem: Problem) -> float:
    """Spikes per neuron and step."""
    with torch.no_grad():
        counts = problem.network("auto")(problem.x).spike_counts[0]
    return float(counts.mean()) / problem.workload.steps


def step(workload: Workload, names: list[str], repeats: int) -> Iterator[str]:
    """All contenders at one size, with quartiles, ratios and the floor."""
    problem = Problem.draw(workload)
    times, quiet = interleaved(steps_of(names, problem), repeats)
    least = floor(problem)
    medians = {name: float(np.median(values)) for name, values in times.items()}
    base, peer = next(iter(medians)), best_library(medians)
    yield (
        f"**{workload.name}**: {workload.hidden} hidden, {workload.steps} steps, batch "
        f"{workload.batch}, {torch.get_num_threads()} threads; {_firing(problem):.0%} firing; "
        f"{quiet}\n"
    )
    yield from _head(["", "median ms (quartiles)", f"{base} / this", f"{peer} / this"])
    for name, values in times.items():
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        against = f"{medians[peer] / middle:.1f}" if peer else "-"
        ratio = f"{medians[base] / middle:.1f}"
        yield _row([name, f"{middle:.1f} ({low:.1f}-{high:.1f})", ratio, against])
    yield _row(
        [
            f"floor: {least.gflops:.0f} GFLOP/s, {least.gigabytes:.0f} GB/s",
            f"{least.total:.1f} = {least.product:.1f} product + {least.traffic:.1f} traffic",
            f"{medians[base] / least.total:.1f}",
            f"{medians[peer] / least.total:.1f}" if peer else "-",
        ]
    )
    yield ""


def sizes(
    workload: Workload,
    names: list[str],
    repeats: int,
    hidden: list[int],
    steps: list[int],
    threads: list[int],
) -> Iterator[str]:
    """Medians over sizes and threads; contenders of a row interleaved."""
    ratios = OURS in names
    head = ["hidden", "steps", "threads", *names]
    if ratios:
        head += [f"{names[0]} / {OURS}", f"best library / {OURS}"]
    yield f"**{workload.name}**, median ms\n"
    yield from _head([*head, "others"])
    for h in hidden:
        for t in steps:
            problem = Problem.draw(replace(workload, hidden=h, steps=t))
            for n in threads:
                torch.set_num_threads(n)
                times, quiet = interleaved(steps_of(names, problem), repeats)
                medians = {name: float(np.median(values)) for name, values in times.items()}
                cells = [h, t, n, *(f"{medians[x]:.1f}" if x in medians else "-" for x in names)]
                if ratios:
                    peer, ours = best_library(medians), medians[OURS]
                    cells.append(f"{medians[next(iter(medians))] / ours:.1f}")
                    cells.append(f"{medians[peer] / ours:.1f}" if peer else "-")
                yield _row([*cells, f"{quiet.others:.0%}"])
    yield ""


FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


def linear(workload: Workload, name: str, repeats: int) -> Iterator[str]:
    """One contender over numbers of steps and of events, all sizes interleaved, with lines fitted.

    Steps: the events per step stay. Events: the steps stay, and the weights shrink with the root of
    the number of events, so that about as many hidden neurons fire.
    """
    by_steps = {
        round(workload.steps * f): replace(
            workload, steps=round(workload.steps * f), events=round(workload.events * f)
        )
        for f in FACTORS
    }
    yield from _line(workload, name, "steps", by_steps, repeats)
    if workload.analog:
        return
    by_events = {
        round(workload.events * f): replace(
            workload,
            events=round(workload.events * f),
            weight_scale=workload.weight_scale / f**0.5,
        )
        for f in FACTORS
    }
    yield from _line(workload, name, "events per sample", by_events, repeats)


def _line(
    workload: Workload, name: str, of: str, at: dict[int, Workload], repeats: int
) -> Iterator[str]:
    problems = {x: Problem.draw(w) for x, w in at.items()}
    steps = {x: steps_of([name], problem)[name] for x, problem in problems.items()}
    times, quiet = interleaved(steps, repeats)
    x = np.array(list(times), float)
    y = np.array([np.median(values) for values in times.values()])
    slope, start = np.polyfit(x, y, 1, w=1 / y)  # relative deviations count
    yield (
        f"**{workload.name}**, {name}: {of}; {workload.hidden} hidden, batch {workload.batch}, "
        f"{torch.get_num_threads()} threads; {quiet}\n"
    )
    yield from _head(
        [of, "firing", "median ms (quartiles)", f"{start:.2f} ms + {slope:.3g} ms each", "off"]
    )
    for n, values in times.items():
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        fitted = start + slope * n
        firing = f"{_firing(problems[n]):.1%}"
        off = f"{middle / fitted - 1:+.0%}"
        yield _row([n, firing, f"{middle:.2f} ({low:.2f}-{high:.2f})", f"{fitted:.2f}", off])
    yield ""


def memory(workloads: Iterable[Workload], names: list[str], threads: int) -> Iterator[str]:
    """Peak memory of processes that do nothing but a few steps, one process for each cell."""
    yield f"Peak memory in MiB, {threads} threads\n"
    with tempfile.TemporaryDirectory() as place:
        folders = {}
        for workload in workloads:
            folders[workload.name] = Path(place, workload.name)
            folders[workload.name].mkdir()
            # drawn here, since to draw many events takes more memory than to train on them
            Problem.draw(workload).save(folders[workload.name])
        yield from _head(["", *folders])
        for name in names:
            yield _row([name, *(_peak(*at, name, threads) for at in folders.items())])
    yield ""


def _peak(workload: str, folder: Path, name: str, threads: int) -> str:
    command = [sys.executable, "-m", "benchmarks.training_step", "--threads", str(threads)]
    command += ["--peak", workload, str(folder), name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "-"
