"""What the paper's own numbers say of its claims: they have no variance, so that each is taken as it stands."""

from collections.abc import Mapping

from sgbench.claims.claim import Claim, Contender, Contrast
from sgbench.claims.verdicts import Evidence
from sgbench.results.published import published

_NO_NUMBERS = ("numbers in the paper",)
_Numbers = Mapping[tuple[str, ...], float]
"""Method, level, variant, target, metric and what is measured -> number."""


def published_evidence(claim: Claim) -> list[Evidence]:
    """The evidence of each contrast of a claim, from the table of the paper that it is about."""
    records = published(claim.table) if claim.table else []
    numbers = {(r.method, r.level, r.variant, r.target, r.metric, r.measured_on): r.value for r in records}
    return [_evidence(contrast, numbers) for contrast in claim.by_one_judge.contrasts]


def _evidence(contrast: Contrast, numbers: _Numbers) -> Evidence:
    left, right = (_number(contrast, side, numbers) for side in (contrast.left, contrast.right))
    if left is None or right is None:
        return Evidence(missing=_NO_NUMBERS)
    value = contrast.times * left - right
    return Evidence(value, value, value, value, whole=True)


def _number(contrast: Contrast, side: Contender, numbers: _Numbers) -> float | None:
    of = contrast.of
    figure = (of.target, of.metric, of.measured_on)
    found = (numbers.get((side.method, side.level, variant, *figure)) for variant in side.variants)
    return next((number for number in found if number is not None), None)
