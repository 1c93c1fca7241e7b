"""From evidence to verdicts, corrected for the number of claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from snn.analysis.claims.estimate import LEVEL
from snn.analysis.claims.evidence import Evidence
from snn.analysis.claims.said import Claim

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told"
POINTS = 0.005  # the least difference in accuracy that matters: half a percentage point
# Kinds of claims that say which accuracies are higher: near 100 % all are alike, whatever is true.
ORDERS = ("best", "rises", "falls", "matters", "matters_more")


@dataclass(frozen=True)
class Finding:
    """A claim, by one measure.

    Attributes:
        claim: which.
        by: the measure: ``train``, ``held_out``, ``seconds``.
        levels: the values that were compared, as labels.
        replicates: their number.
        points: points of the grid that each of them gave.
        evidence: None where there is nothing to judge.
        p_own: ``p_for`` from the replicates' differences alone, without the pooled error.
        why: of a verdict that needs an explanation.
        lacks: why the claim cannot hold, whatever the evidence; empty if it can.
        room: from the mean accuracy of what was compared to 100 %; None of times.
        p_for, p_against: corrected (Holm).
        verdict: :data:`HOLDS`, :data:`FAILS` or :data:`OPEN`.
    """

    claim: Claim
    by: str
    levels: tuple[str, ...] = ()
    replicates: int = 0
    points: int = 0
    evidence: Evidence | None = None
    p_own: float = np.nan
    why: str = ""
    lacks: str = ""
    room: float | None = None
    p_for: float = np.nan
    p_against: float = np.nan
    verdict: str = OPEN


def corrected(findings: Sequence[Finding]) -> list[Finding]:
    """Verdicts: for and against, each corrected for the number of claims (Holm 1979).

    Corrected for are the claims that are judged by the same measure: training accuracy, held-out
    accuracy and run time are three questions, each with an answer of its own. A claim cannot be
    both false and as large as claimed, so that each of the two errors, a claim that holds wrongly
    and one that wrongly does not, is made anywhere in one measure's answer with a probability of at
    most 5 %.
    """
    done = list(findings)
    for measure in dict.fromkeys(finding.by for finding in findings):
        at = [i for i, finding in enumerate(findings) if finding.by == measure]
        family = [findings[i] for i in at]
        ps = {
            name: holm([getattr(f.evidence, name) if f.evidence else np.nan for f in family])
            for name in ("p_for", "p_against")
        }
        count = int(np.count_nonzero(~np.isnan(ps["p_for"])))
        for place, i in enumerate(at):
            own = {name: float(found[place]) for name, found in ps.items()}
            done[i] = _decided(replace(findings[i], **own), count)
    return done


def holm(ps: Sequence[float]) -> np.ndarray:
    """p values corrected for their number (Holm 1979, Scand. J. Stat. 6:65); NaN stays, uncounted.

    As ``statsmodels.stats.multitest.multipletests``, which collects garbage first, every time.
    """
    found = np.array(ps, dtype=float)
    order = np.argsort(found)[: np.count_nonzero(~np.isnan(found))]  # NaN comes last
    times = np.arange(len(order), 0, -1)
    found[order] = np.minimum(1.0, np.maximum.accumulate(times * found[order]))
    return found


def _decided(finding: Finding, claims: int) -> Finding:
    found, limit = finding.evidence, 1 - LEVEL
    if found is None:
        return finding
    if found.p_for != found.p_for:
        return replace(finding, why="one replicate: chance is unknown")
    if finding.claim.kind in ORDERS and finding.room is not None and finding.room < POINTS:
        return replace(finding, why=f"no room above {100 * (1 - finding.room):.2f} %")
    if finding.p_against < limit and found.departs:
        return replace(finding, verdict=FAILS, why=_why_not(finding, found))
    if finding.p_for < limit and finding.lacks:
        return replace(finding, why=finding.lacks)
    if finding.p_for < limit and found.reaches:
        alone = finding.p_own >= limit
        why = f"by the shared error; p for is {finding.p_own:.2g} by its own" if alone else ""
        return replace(finding, verdict=HOLDS, why=why)
    if finding.p_for < limit:
        return replace(finding, why="an effect, perhaps too small to matter")
    if finding.claim.kind == "same" and finding.p_against < limit:
        return replace(finding, why="values differ, perhaps too little to matter")
    clear = (found.p_for < limit and found.reaches) or (found.p_against < limit and found.departs)
    why = f"not after correction for {claims} claims" if clear else "too much chance"
    return replace(finding, why=why)


def _why_not(finding: Finding, found: Evidence) -> str:
    kind = finding.claim.kind
    if kind == "same":
        return "values differ"
    if kind == "collapses":
        return "it learns"
    if kind == "gains":
        fewest = finding.claim.points[0]
        none = finding.room is not None and 100 * finding.room < fewest
        less = f"less: no room above {100 * (1 - finding.room):.2f} %" if none else "less"
        return less if 100 * found.value < fewest else "more"
    if kind == "reaches":
        return "less"
    if found.high < 0:
        return "another is better" if kind == "best" else "the other way round"
    return "an effect too small to matter" if found.low > 0 else "no effect that matters"
