"""Whether a claim holds, from the evidence of its contrasts.

A claim is a conjunction. It is upheld where the interval of every contrast lies above its margin, each at 95 % (the
intersection-union test: Berger, "Multiparameter hypothesis testing and acceptance sampling", 1982). It is refuted where
that of some contrast lies below, with a confidence that makes up for their number (Bonferroni).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Literal

from sgbench.claims.claim import Claim

UPHELD, REFUTED, UNDECIDED, NOT_TESTED = "upheld", "refuted", "undecided", "not tested"
FOR, AGAINST, OPEN, MISSING = "for", "against", "open", "missing"
Says = Literal["for", "against", "open", "missing"]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Evidence:
    """What is known of a contrast.

    Attributes:
        value: ``times`` the left figure less the right one; NaN if there is none.
        low: lower end of its 95 % interval.
        high: upper end.
        surely_below: upper end of the interval whose confidence makes up for the number of the claim's contrasts.
        variances: parts of the variance that come of images, judges and seeds.
        num_seeds: how many trainings of both systems were compared.
        num_images: source images.
        whole: whether the interval holds everything that could make the figure another one; without several seeds it
            does not, and then speaks at most against the claim.
        missing: what there is not: systems, attributes, numbers.
        note: why systems that are there have no figure, else empty.
    """

    value: float = nan
    low: float = nan
    high: float = nan
    surely_below: float = nan
    variances: tuple[float, float, float] = (nan, nan, nan)
    num_seeds: int = 0
    num_images: int = 0
    whole: bool = False
    missing: tuple[str, ...] = ()
    note: str = ""

    def says(self, margin: float) -> Says:
        """What it says of a contrast with this margin; NaN is neither above nor below."""
        if self.missing or self.note:
            return MISSING
        if self.surely_below < margin:
            return AGAINST
        return FOR if self.whole and self.low > margin else OPEN


@dataclass(frozen=True)
class Decision:
    """A claim's verdict: upheld, refuted, undecided or not tested, and why."""

    verdict: str
    why: str


@dataclass(frozen=True)
class DecidedClaim:
    """A claim with its verdicts.

    Attributes:
        evidence: measured, of each contrast.
        measured: the verdict of it.
        numbers: the paper's, of each contrast.
        published: the verdict of them.
    """

    claim: Claim
    evidence: Sequence[Evidence]
    measured: Decision
    numbers: Sequence[Evidence]
    published: Decision


def decide(claim: Claim, evidence: Sequence[Evidence]) -> Decision:
    """Decide a claim.

    Args:
        evidence: of each contrast, in their order.
    """
    says = [own.says(contrast.margin) for own, contrast in zip(evidence, claim.contrasts, strict=True)]
    if against := [own for own, said in zip(evidence, says, strict=True) if said == AGAINST]:
        sure = "" if any(own.whole for own in against) else ", of one seed: nothing is known of other trainings"
        return Decision(REFUTED, f"{len(against)} of {len(says)} comparisons against it{sure}")
    if says.count(FOR) == len(says):
        return Decision(UPHELD, f"{len(says)} of {len(says)} comparisons for it")
    lacking = dict.fromkeys(name for own in evidence for name in own.missing)
    missing = [f"no {', '.join(lacking)}"] * bool(lacking)
    if all(own.missing for own in evidence):
        return Decision(NOT_TESTED, *missing)
    reasons = [f"{says.count(FOR)} of {len(says)} comparisons for it"]
    reasons += _open(evidence, says)
    reasons += dict.fromkeys(own.note for own in evidence if own.note)
    return Decision(UNDECIDED, "; ".join([*reasons, *missing]))


def _open(evidence: Sequence[Evidence], says: Sequence[Says]) -> list[str]:
    """What keeps contrasts with figures from saying anything."""
    unsure = [own for own, said in zip(evidence, says, strict=True) if said == OPEN]
    partial = sum(not own.whole for own in unsure)
    told = [f"{len(unsure) - partial} too near the margin"] * (len(unsure) > partial)
    return told + [f"{partial} without several seeds, which speak at most against it"] * (partial > 0)
