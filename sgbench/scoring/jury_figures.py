"""Accuracy by the judges that sit for an attribute, and how often they agree."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from sgbench.metrics.jury import JuryAccuracy, JuryAgreement
from sgbench.results.scores import Panelist, sitting


class JuryFigure(NamedTuple):
    """A figure by a jury: its name, its metric, the terms of all results and, if it is not scored, why."""

    name: str
    metric: JuryAccuracy
    terms: Tensor
    refusal: str


def by_jury(
    judges: Sequence[Panelist], attribute: int, posteriors: Sequence[Tensor], expected: Tensor
) -> list[JuryFigure]:
    """Accuracy and agreement.

    Args:
        judges: the paper's, then the jury.
        attribute: its position among the study's.
        posteriors: of the attribute, one for each judge, float64 [M, m].
        expected: integer [M], the value that each result should show; negative where there is none.
    """
    sit, refusal = sitting(judges, attribute)
    looking = sit or range(1, len(judges))
    jury = "; ".join(judges[k].name for k in looking)
    of_jury = [posteriors[k] for k in looking]
    metrics = {
        "jury_accuracy": JuryAccuracy(f"most probable value, mean over a jury ({jury})"),
        "jury_agreement": JuryAgreement(f"most probable value, by every judge of a jury ({jury})"),
    }
    return [JuryFigure(name, metric, metric.terms(of_jury, expected), refusal) for name, metric in metrics.items()]
