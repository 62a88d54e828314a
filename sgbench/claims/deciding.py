"""The paper's claims, each decided from the scores of a report's systems and from the paper's own numbers.

Accuracy is the jury's. Where the paper's single ResNet-18 would lead to another verdict, that is said too.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sgbench.claims.measuring import measured_evidence
from sgbench.claims.pairing import Scored
from sgbench.claims.paper import CLAIMS
from sgbench.claims.published import published_evidence
from sgbench.claims.verdicts import NOT_TESTED, DecidedClaim, Evidence, decide


def decide_claims(
    systems: Sequence[Scored],
    attributes: Collection[str],
    num_resamples: int,
    items: Collection[str] = (),
    unfit: Mapping[str, str] | None = None,
) -> list[DecidedClaim]:
    """Decide all claims; none if the systems allow none.

    Args:
        attributes: of the report.
        num_resamples: of the bootstrap of figures that are no means over images.
        items: tables and figures of the paper that the systems were trained for; other claims are then not tested,
            because theirs are trained on other attributes. Empty where nothing is known of that.
        unfit: metric -> why its figures do not count in this report.
    """
    tested = [claim for claim in CLAIMS if not items or not {*claim.items}.isdisjoint(items)]
    both = [*tested, *(claim.by_one_judge for claim in tested)]
    measured = measured_evidence(both, systems, attributes, num_resamples, unfit or {})
    decided = []
    for claim in CLAIMS:
        elsewhere = [Evidence(missing=(f"systems of {' or '.join(claim.items)}",))] * len(claim.contrasts)
        evidence = measured.get(claim, elsewhere)
        verdict = decide(claim, evidence)
        one = decide(claim, measured.get(claim.by_one_judge, elsewhere))
        if one.verdict != verdict.verdict:
            verdict = replace(verdict, why=f"{verdict.why}; by the ResNet-18 alone it is {one.verdict}")
        numbers = published_evidence(claim)
        decided.append(DecidedClaim(claim, evidence, verdict, numbers, decide(claim, numbers)))
    return decided if any(own.measured.verdict != NOT_TESTED for own in decided) else []
