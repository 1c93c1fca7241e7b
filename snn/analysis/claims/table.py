"""The verdicts as a table, and what a reader must know of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import exp

import pandas as pd

from snn.analysis.claims.balance import points_of, redraws_samples
from snn.analysis.claims.bench import Bench
from snn.analysis.claims.judge import RATIO, verdicts
from snn.analysis.claims.said import CLAIMS
from snn.analysis.claims.verdict import FAILS, HOLDS, OPEN, POINTS, Finding
from snn.analysis.metric import SPLITS
from snn.analysis.records import Run
from snn.analysis.study import Study
from snn.analysis.tables import Table
from snn.analysis.thesis import THESIS

NAME = "claims"
COLUMNS = (
    *("claim", "source", "judged by", "verdict", "why", "values", "replicates × points"),
    *("effect", "95 % interval", "p for", "p against"),
)
ITSELF = ("collapses", "reaches")  # kinds of claims whose effect is an accuracy
MOST_NAMED = 6  # replicates whose points are told


@dataclass(frozen=True)
class Verdicts:
    """The claims on a data set, judged.

    Attributes:
        table: for reading.
        frame: a row per claim and measure, with uncorrected p values and the two more that
            :class:`~snn.analysis.claims.verdict.Finding` has.
        said: sentences.
        warnings: what a reader should know first.
    """

    table: Table
    frame: pd.DataFrame
    said: list[str]
    warnings: list[str]


def claims_of(study: Study, tests: bool) -> Verdicts | None:
    """The verdicts on a study; None where the thesis has no claims on what was varied.

    Args:
        study: a grid; of a search there are none, since its points are not balanced.
        tests: show test accuracies; else held-out accuracy is that of the validation part.
    """
    claims = CLAIMS.get(study.data, ())
    varied = {claim.key for claim in claims} & set(study.keys)
    if not varied or study.is_search:
        return None
    held_out = "test" if tests and study.tested else "val"
    findings = verdicts(study, held_out)
    table = Table(NAME, "The thesis's claims, and what these runs say of them", COLUMNS, words=6)
    table.rows = [row(finding, held_out) for finding in findings]
    bench = Bench(study, held_out)
    table.note = " ".join(notes(bench))
    said = [summed(study, findings, held_out)]
    return Verdicts(table, frame_of(findings, held_out), said, warnings(bench))


def row(finding: Finding, held_out: str) -> list[str]:
    """A row of the table."""
    found = finding.evidence
    runs = f"{finding.replicates} × {finding.points}" if finding.points else "-"
    cells = ["-"] * 4
    if found is not None:
        effect, low, high = shown(finding)
        interval = "-" if "nan" in low + high else f"{low} to {high}"
        cells = [effect, interval, p_text(finding.p_for), p_text(finding.p_against)]
    return [
        *(finding.claim.claim, finding.claim.source, by_text(finding.by, held_out)),
        *(finding.verdict, finding.why or "-", ", ".join(finding.levels) or "-", runs, *cells),
    ]


def by_text(by: str, held_out: str) -> str:
    """``training accuracy``, ``test accuracy``, ``run time``."""
    if by == "seconds":
        return "run time"
    return f"{SPLITS['train' if by == 'train' else held_out]} accuracy"


def natural(finding: Finding) -> tuple[float, float, float]:
    """Effect and interval as they are, not as claimed: a falling one is negative."""
    found = finding.evidence
    if finding.claim.kind == "falls":
        return -found.value, -found.high, -found.low
    return found.value, found.low, found.high


def shown(finding: Finding) -> list[str]:
    """Effect and interval with their unit: ``+1.20``, ``× 1.75``, ``10.00 %``."""
    numbers = natural(finding)
    if finding.by == "seconds":
        return [f"× {exp(number):.2f}" for number in numbers]
    if finding.claim.kind in ITSELF:
        return [f"{100 * number:.2f} %" for number in numbers]
    return [f"{round(100 * number, 2) + 0.0:+.2f}" for number in numbers]  # no -0.00


def p_text(p: float) -> str:
    if p != p:
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def frame_of(findings: Sequence[Finding], held_out: str) -> pd.DataFrame:
    """The same as numbers: points of accuracy in per cent, times as ratios."""
    rows = []
    for finding in findings:
        numbers, found = [None] * 3, finding.evidence
        if found is not None:
            timed = finding.by == "seconds"
            numbers = [exp(n) if timed else 100 * n for n in natural(finding)]
        rows.append(
            {
                "claim": finding.claim.claim,
                "source": finding.claim.source,
                "kind": finding.claim.kind,
                "judged_by": by_text(finding.by, held_out),
                "values": ",".join(finding.levels),
                "replicates": finding.replicates,
                "points": finding.points,
                **dict(zip(("effect", "low", "high"), numbers, strict=True)),
                "unit": unit(finding),
                "p_for_raw": found.p_for if found else None,
                "p_against_raw": found.p_against if found else None,
                "p_for_own_error": finding.p_own,
                "p_for_holm": finding.p_for,
                "p_against_holm": finding.p_against,
                "verdict": finding.verdict,
                "why": finding.why,
            }
        )
    return pd.DataFrame(rows)


def unit(finding: Finding) -> str:
    if finding.by == "seconds":
        return "ratio"
    return "%" if finding.claim.kind in ITSELF else "points"


def summed(study: Study, findings: Sequence[Finding], held_out: str) -> str:
    """How many verdicts of each kind, and what the recommended combination gains."""
    hold, fail, left = (sum(f.verdict == v for f in findings) for v in (HOLDS, FAILS, OPEN))
    text = f"Of {len(findings)} judgements {hold} hold, {fail} do not, {left} cannot be told."
    gains = []
    for finding in findings:
        if finding.claim.kind == "gains" and finding.evidence is not None:
            effect, low, high = shown(finding)
            interval = "" if "nan" in low + high else f" (95 % interval {low} to {high})"
            gains.append(f"{effect} points of {by_text(finding.by, held_out)}{interval}")
    if gains:
        text += (
            f" Over the grid's mean, the thesis's combination gains {' and '.join(gains)}; the "
            f"thesis says {THESIS[study.data].gain}."
        )
    return text


def notes(bench: Bench) -> list[str]:
    """How the table was made."""
    counts = points_of(bench.frame, bench.study.keys)
    named = ", ".join(f"{name} {n}" for name, n in list(counts.items())[:MOST_NAMED])
    named += ", ..." if len(counts) > MOST_NAMED else ""
    said = [
        "Effects are percentage points of accuracy, or ratios of run times: a best value's lead "
        "over the best other one; for more or fewer, the largest value against the smallest; for "
        "what matters, the range of the values' means, or how much wider it is than the other "
        "parameters'; for a jump, the last step's factor over the one before; for a collapse, or "
        "what a combination has, the accuracy itself; for a gain, that over the mean of all runs "
        "of the thesis's grid that learn. Final weights, means over all other parameters.",
        f"p for: of no such effect; p against: of one of {100 * POINTS:g} points, or a ratio of "
        f"{RATIO:g}, or more; both two-sided, and corrected for the number of claims that are "
        "judged by the same measure (Holm). A claim holds with p for < 0.05 and an effect of that "
        "size, and does not with p against < 0.05. What must not differ, must collapse, must gain "
        "so many points or must have an accuracy (or at most that much less) is tested for and "
        f"against that. Which of several accuracies is higher cannot be told where their mean is "
        f"above {100 * (1 - POINTS):g} %.",
        f"Points that each replicate has: {named}. Compared are those that all replicates have "
        "with all values.",
    ]
    if fallen := int(bench.frame["collapsed"].sum()):
        said.append(
            f"{fallen} of {len(bench.frame)} runs collapsed; they count in all means, as in the "
            "thesis's."
        )
    if len(counts) > 1:
        said.append(
            "Error: replicate × parameter, which all values of a parameter share; claims.csv has p "
            "for from each claim's own differences too."
        )
    return said


def warnings(bench: Bench) -> list[str]:
    """What limits the verdicts: samples, machine, data."""
    study, several = bench.study, bench.frame["replicate"].nunique() > 1
    said = []
    if not several:
        said.append(
            "Each point was run once: nothing tells what is chance, so no claim gets a verdict. "
            "More seeds, or where the data set is split here more splits, will: the same sweep "
            "with seed=1,2,3 or data.split_seed=1,2,3."
        )
    elif redraws_samples(study):
        said.append(
            "Replicates are splits of the same recordings, which share most of them: their error "
            "is widened for that (Nadeau & Bengio 2003)."
        )
    else:
        said.append(
            "Replicates differ in their seed alone: the verdicts are on these very samples, and "
            "chance between samples is not in them."
        )
    files = {str(run.config.get("data.train_file")) for run in study.runs}
    if study.data == "shd" and not all("shd_train" in file for file in files):
        said.append(
            f"These are recordings in SHD's format ({', '.join(sorted(files))}), not the Spiking "
            "Heidelberg Digits that the claims are about."
        )
    if (beside := together(study.runs)) > 0:
        said.append(
            f"Run time: {beside} of {len(study.runs)} runs trained while another run of this sweep "
            "did on the same machine, and no record tells what else it had to do."
        )
    else:
        said.append(
            "Run time: no two runs trained at the same time, but no record tells what else the "
            "machine had to do."
        )
    return said


def together(runs: Sequence[Run]) -> int:
    """Runs that shared their machine with another of them for some of their time."""
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for run in runs:
        try:
            span = tuple(datetime.fromisoformat(str(run.result.get(k))) for k in ("start", "end"))
        except ValueError:
            continue
        spans.setdefault(str(run.status.get("host")), []).append(span)
    count = 0
    for each in spans.values():
        ordered = sorted(each)
        # the end of the last one before, and the start of the next
        latest = [max((end for _, end in ordered[:i]), default=None) for i in range(len(ordered))]
        for i, (start, end) in enumerate(ordered):
            before = latest[i] is not None and latest[i] > start
            after = i + 1 < len(ordered) and ordered[i + 1][0] < end
            count += before or after
    return count
